"""Results that a tool adds to a run which is there already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mudata import MuData

from kompot_scverse._data.holders import whole
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.find import find_views
from kompot_scverse._runs.run import Run
from kompot_scverse._runs.view import RunView

from .store import drop, write


@dataclass(frozen=True)
class Extension:
    """What a tool found out about one run."""

    view: RunView
    fields: Sequence[Field]
    """With values; their modality is that of the run."""
    summary: Mapping[str, Any]
    """What the run remembers of it."""


def extend(extensions: Sequence[Extension], function: str, arguments: Mapping[str, Any]) -> None:
    """
    Write the fields and add them to the runs, in place of what the same tool wrote before.

    Parameters
    ----------
    extensions
        One for each run and modality.
    function
        Name of the tool, by which its fields are known.
    arguments
        Of the call, as :func:`kompot_scverse._runs.call.record_call` has them.
    """
    done: dict[int, list[tuple[Any, list[Field], list[Run], list[tuple[str, str, str]]]]] = {}
    for extension in extensions:
        view = extension.view
        mod = view.run.mod if isinstance(whole(view.data), MuData) else ""
        fields = [replace(field, mod=mod) for field in extension.fields]
        run = _extended(view.run, fields, extension, function, arguments)
        target = whole(view.data) if view.run.mod else view.own
        kept = {field.place for field in fields}
        places = [(mod, entry["slot"], entry["key"]) for entry in view.run.fields if entry.get("by") == function]
        stale = [place for place in places if place not in kept and view.is_at(place[1], place[2])]
        done.setdefault(id(target), []).append((target, fields, [run], stale))
    for parts in done.values():
        target = parts[0][0]
        runs = _with_other_modalities(target, [run for _, _, own, _ in parts for run in own])
        stale = [place for _, _, _, own in parts for place in own]
        write(target, [field for _, fields, _, _ in parts for field in fields], runs)
        if stale:
            drop(target, stale)


def _extended(run: Run, fields: list[Field], extension: Extension, function: str, arguments: Mapping[str, Any]) -> Run:
    entries = [entry for entry in run.fields if entry.get("by") != function]
    added = {"function": function, "arguments": dict(arguments)}
    return replace(
        run,
        fields=[*entries, *(field.entry() | {"by": function} for field in fields)],
        summary={**run.summary, **extension.summary},
        call=run.call | {"added": run.call.get("added", {}) | {function: added}} if run.call else run.call,
    )


def _with_other_modalities(target: Any, runs: list[Run]) -> list[Run]:
    """Runs of the modalities that are not extended, too: all those of one number are stored together."""
    if not isinstance(target, MuData):
        return runs
    known = {(run.run_id, run.mod) for run in runs}
    others = [
        part.run
        for number in dict.fromkeys(run.run_id for run in runs)
        for part in find_views(target, run_id=number)
        if (number, part.run.mod) not in known
    ]
    return runs + others
