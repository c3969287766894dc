"""Runs in uns: what was computed, from what, with which settings, and where it was written."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from anndata import AnnData

__all__ = ["Run", "find_run", "iterate_runs", "last_writer", "next_run_id", "overwriter", "store_runs", "versions"]

UNS_KEY = "kompot"
SCHEMA_VERSION = 1
PACKAGES = ("kompot-scverse", "anndata", "mudata", "scanpy", "mellon", "jax", "numpy", "scipy", "pandas", "dask")


@dataclass(frozen=True)
class Run:
    """One contrast of one call."""

    run_id: int
    analysis: str
    """de, da or smooth."""
    key_added: str
    contrast: dict[str, Any]
    """groupby, reference and group; labels as text."""
    params: dict[str, Any]
    """Arguments as resolved."""
    cells: dict[str, Any]
    """Number of cells per condition and sample."""
    summary: dict[str, Any]
    """What was found."""
    fields: list[dict[str, str]]
    """slot, key, statistic and description of everything written."""
    call: dict[str, Any] = field(default_factory=dict)
    """Arguments as given, for repeating the call, and `first_run`, the first of the runs of the call."""
    environment: dict[str, str] = field(default_factory=dict)
    """Package versions."""
    time: str = ""
    """When it was stored, UTC."""

    def to_json(self) -> str:
        """As one line of JSON; numpy scalars become numbers."""
        return json.dumps(asdict(self), default=_plain, allow_nan=True)

    def same_call(self, other: "Run") -> bool:
        """Whether both come from one call, which writes what they share once."""
        return self.call.get("first_run", self.run_id) == other.call.get("first_run", other.run_id)

    def writes(self, slot: str, key: str) -> bool:
        """Whether a field is one of this run."""
        return any(entry["slot"] == slot and entry["key"] == key for entry in self.fields)

    def key(self, statistic: str) -> str | None:
        """Where a statistic was written; None if it was not."""
        return next((entry["key"] for entry in self.fields if entry["statistic"] == statistic), None)


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)


def now() -> str:
    """UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def versions() -> dict[str, str]:
    """Versions of the packages that results depend on; nothing about user or machine."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def iterate_runs(data: AnnData) -> Iterator[Run]:
    """All runs, oldest first."""
    stored = data.uns.get(UNS_KEY)
    if stored is None:
        return
    if int(stored["schema_version"]) > SCHEMA_VERSION:
        raise ValueError(
            "The runs in uns['kompot'] were written by a newer version of kompot-scverse; update the package."
        )
    for run_id in sorted(stored["runs"], key=int):
        yield Run(**json.loads(str(stored["runs"][run_id])))


def next_run_id(data: AnnData) -> int:
    """Number of the next run."""
    return max((run.run_id for run in iterate_runs(data)), default=-1) + 1


def store_runs(data: AnnData, runs: Sequence[Run]) -> None:
    """Append runs."""
    stored = data.uns.get(UNS_KEY)
    earlier = dict(stored["runs"]) if stored is not None else {}
    data.uns[UNS_KEY] = {
        "schema_version": SCHEMA_VERSION,
        "runs": earlier | {str(run.run_id): run.to_json() for run in runs},
    }


def last_writer(data: AnnData, slot: str, key: str) -> int | None:
    """The latest run that wrote a field."""
    found = None
    for run in iterate_runs(data):
        if run.writes(slot, key):
            found = run.run_id
    return found


def overwriter(history: Iterable[Run], run: Run, slot: str, key: str) -> Run | None:
    """The latest run of a later call that wrote a field of `run`; None if it still is as `run` wrote it."""
    later = [other for other in history if other.run_id > run.run_id and not other.same_call(run)]
    return next((other for other in reversed(later) if other.writes(slot, key)), None)


def find_run(data: AnnData, run_id: int = -1, analysis: str | None = None) -> Run:
    """
    A run by its number, or counted from the end if negative (of one analysis, if given).

    Raises
    ------
    KeyError
        If there is none, with the call to make.
    """
    runs = [run for run in iterate_runs(data) if analysis is None or run.analysis == analysis]
    if not runs:
        raise LookupError(
            f"No {analysis or ''} run in uns['kompot']; call `kp.tl.{analysis or 'de'}` first.".replace("  ", " ")
        )
    if run_id < 0:
        if -run_id > len(runs):
            raise LookupError(
                f"There are only {len(runs)} {analysis or ''} runs; `run_id={run_id}` counts from the end."
            )
        return runs[run_id]
    for run in runs:
        if run.run_id == run_id:
            return run
    raise LookupError(f"No {analysis or ''} run {run_id}; existing: {', '.join(str(run.run_id) for run in runs)}.")
