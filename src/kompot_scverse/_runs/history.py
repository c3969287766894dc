"""Runs in uns: found, counted and stored, of an AnnData or a MuData with its modalities."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from anndata import AnnData
from mudata import MuData

from kompot_scverse._data.holders import holder, whole
from kompot_scverse._messages import warn

from .record import SCHEMA_VERSION, UNS_KEY, read_records
from .run import Run, join_runs

UNREADABLE_KEY = "kompot_unreadable"
"""Where an analysis keeps what it found in uns and cannot read."""


def iterate_runs(data: Any) -> Iterator[Run]:
    """
    All runs, oldest first.

    A MuData has its own runs, and those that are recorded in its modalities only.

    Raises
    ------
    ValueError
        If what is in uns cannot be read.
    """
    yield from _runs(data, strict=True)


def readable_runs(data: Any) -> list[Run]:
    """As :func:`iterate_runs`, without what cannot be read: for analyses, which go on then."""
    return list(_runs(data, strict=False))


def _runs(data: Any, *, strict: bool) -> Iterator[Run]:
    target = holder(data)
    if not isinstance(target, MuData):
        yield from _stored_runs(target, strict=strict)
        return
    runs = list(_stored_runs(target, strict=strict))
    known = {(run.run_id, run.time, mod) for run in runs for mod in run.modalities}
    others: dict[tuple[int, str], list[Run]] = {}
    for mod, own in target.mod.items():
        for run in _stored_runs(own, strict=strict, mod=mod):
            if (run.run_id, run.time, mod) not in known:
                others.setdefault((run.run_id, run.time), []).append(replace(run, mod=mod))
    yield from sorted([*runs, *map(join_runs, others.values())], key=lambda run: (run.run_id, run.time))


def _stored_runs(data: AnnData | MuData, *, strict: bool, mod: str = "") -> Iterator[Run]:
    """The runs in uns of one object."""
    found, damage = read_records(data.uns.get(UNS_KEY))
    if damage and strict:
        where = f"uns[{UNS_KEY!r}]{f' of modality {mod!r}' if mod else ''}"
        raise ValueError(
            f"The runs in {where} cannot be read: {damage}. Delete it, or put back what this package wrote; new analyses "
            f"keep it as uns[{UNREADABLE_KEY!r}]."
        )
    yield from found.values()


def next_run_id(data: Any) -> int:
    """Number of the next run: of a modality, one that is new to the whole MuData."""
    return max((run.run_id for run in readable_runs(whole(data))), default=-1) + 1


def store_runs(data: AnnData | MuData, runs: Sequence[Run]) -> None:
    """
    Append runs, in place of those with the same number.

    In a MuData, a run on modalities is also recorded in each of them, so that they explain themselves when taken out.
    """
    data = whole(data)
    if not isinstance(data, MuData):
        _append(data, runs)
        return
    by_id: dict[int, list[Run]] = {}
    for run in runs:
        by_id.setdefault(run.run_id, []).append(replace(run, time=runs[0].time))
    _append(data, [join_runs(parts) for parts in by_id.values()])
    for mod in dict.fromkeys(run.mod for run in runs if run.mod):
        _append(data.mod[mod], [run for parts in by_id.values() for run in parts if run.mod == mod])


def _append(data: AnnData | MuData, runs: Sequence[Run]) -> None:
    stored: Any = data.uns.get(UNS_KEY)
    readable, damage = read_records(stored)
    if damage:
        _keep_unreadable(data, stored, damage)
    earlier = {number: stored["runs"][number] for number in readable}
    data.uns[UNS_KEY] = {
        "schema_version": SCHEMA_VERSION,
        "runs": earlier | {str(run.run_id): run.to_json() for run in runs},
    }


def _keep_unreadable(data: AnnData | MuData, stored: object, damage: str) -> None:
    key, number = UNREADABLE_KEY, 1
    while key in data.uns:
        number += 1
        key = f"{UNREADABLE_KEY}_{number}"
    data.uns[key] = stored
    warn(f"What was in uns[{UNS_KEY!r}] cannot be read as a record of runs ({damage}); it is now uns[{key!r}].")


def last_writer(data: Any, slot: str, key: str) -> int | None:
    """The latest run that wrote a field, of those that can be read."""
    found = None
    for run in readable_runs(data):
        if run.writes(slot, key):
            found = run.run_id
    return found


def overwriter(history: Iterable[Run], run: Run, slot: str, key: str, *, changed: bool = True) -> Run | None:
    """
    The latest run of a later call that wrote a field of `run`; None if it still is as `run` wrote it.

    Parameters
    ----------
    history
        All runs.
    run
        The run.
    slot, key
        One of its fields.
    changed
        Whether to leave out runs that wrote the values that were there.
    """
    later = [other for other in history if other.run_id > run.run_id and not other.same_call(run)]
    return next((other for other in reversed(later) if other.writes(slot, key, changed=changed)), None)
