"""Results that a tool adds to a run which is there already."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mudata import MuData

from kompot_scverse._data.holders import check_changeable, check_data, whole
from kompot_scverse._data.targets import genes_by_modality
from kompot_scverse._runs.call import record_call
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.find import find_views
from kompot_scverse._runs.run import Run
from kompot_scverse._runs.view import RunView

from .store import drop, write


@dataclass(frozen=True)
class Extension:
    """What a tool found out about one run."""

    view: RunView
    fields: Sequence[tuple[str, str, str, Any]]
    """Slot, statistic, description and value of each."""
    summary: Mapping[str, Any]
    """What the run remembers of it."""


def extend_runs(
    tool: Callable, given: Mapping[str, Any], analysis: str, extension_of: Callable[[RunView, Any], Extension]
) -> list[Extension]:
    """
    Add to each run that the call of a tool is about what is found out about it.

    Parameters
    ----------
    tool
        The tool that was called.
    given
        Its arguments.
    analysis
        Of the runs.
    extension_of
        Finds it out about one of them, and about those of the argument `genes` that it has, if there is one. Nothing is written before it is
        known of all. Modalities without any of the genes are left out.
    """
    call, data, mod = record_call(tool, given), given["data"], given["mod"]
    check_changeable(check_data(data, mod))
    views = find_views(data, analysis, mod=mod, **{name: given[name] for name in ("run_id", "key_added", "group")})
    frames, genes = {view.mod: view.data for view in views}, given.get("genes")
    chosen = genes_by_modality(frames, genes) if len(frames) > 1 and genes is not None else dict.fromkeys(frames, genes)
    found = []
    for view in views:
        if view.mod in chosen:
            found.append(extension_of(view, chosen[view.mod]))
            view.warn()
    extend(found, tool.__name__, call["arguments"])
    return found


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
        fields = [
            Field(slot, view.keys.field(what), what, text, value=value, mod=mod)
            for slot, what, text, value in extension.fields
        ]
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
