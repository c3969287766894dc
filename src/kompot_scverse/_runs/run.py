"""One run: what was computed, from what, with which settings, and where it was written."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

PACKAGES = ("kompot-scverse", "anndata", "mudata", "scanpy", "mellon", "jax", "numpy", "scipy", "pandas", "dask")


@dataclass(frozen=True)
class Run:
    """One contrast of one call."""

    run_id: int
    analysis: str
    """de, da or smooth."""
    key_added: str
    contrast: dict[str, Any]
    """groupby, reference and group; labels as text. Of a design its formula, the key of the effect as group, and its name."""
    params: dict[str, Any]
    """Arguments as resolved."""
    cells: dict[str, Any]
    """Number of cells per condition and sample."""
    summary: dict[str, Any]
    """What was found."""
    fields: list[dict[str, str]]
    """slot, key, statistic and description of everything written, and a mark where the same values were there before."""
    call: dict[str, Any] = field(default_factory=dict)
    """Arguments as given, for repeating the call, and `first_run`, the first of the runs of the call."""
    environment: dict[str, str] = field(default_factory=dict)
    """Package versions."""
    diagnostics: dict[str, Any] = field(default_factory=dict)
    """Quantiles that `kp.pl.diagnostics` draws."""
    time: str = ""
    """When it was stored, UTC."""
    mod: str = ""
    """Modality of a MuData that it was made on; empty for an AnnData, the whole MuData or several modalities."""
    fingerprint: dict[str, str] = field(default_factory=dict)
    """Short texts that are the same for equal cells, representation and expression; empty in early versions."""
    row_prints: dict[str, str] = field(default_factory=dict)
    """By slot and key, which rows of basis and weights this run has written; for a MuData, in the runs of its modalities."""
    warnings: list[dict[str, str]] = field(default_factory=list)
    """Category and text of what the call warned of."""

    def to_json(self) -> str:
        """As one line of JSON; numpy scalars become numbers."""
        return json.dumps(asdict(self), default=_plain, allow_nan=True)

    def same_call(self, other: "Run") -> bool:
        """Whether both come from one call, which writes what they share once."""
        return self.call.get("first_run", self.run_id) == other.call.get("first_run", other.run_id)

    def writes(self, slot: str, key: str, *, changed: bool = False) -> bool:
        """Whether a field of the object itself (not of a modality) is one of this run; `changed`: with other values."""
        return any(
            entry["slot"] == slot
            and entry["key"] == key
            and not entry.get("mod", "")
            and not (changed and "unchanged" in entry)
            for entry in self.fields
        )

    def without_change(self, places: Collection[tuple[str, str, str]]) -> "Run":
        """The same, with a mark on the fields (by modality, slot and key) that had these values before."""
        fields = [
            entry | {"unchanged": "yes"} if (self.mod, entry["slot"], entry["key"]) in places else entry
            for entry in self.fields
        ]
        return replace(self, fields=fields)

    @property
    def modalities(self) -> list[str]:
        """Modalities that it wrote to; empty text for the object itself."""
        return list(dict.fromkeys(entry.get("mod", "") for entry in self.fields))

    @property
    def group(self) -> str | None:
        """What is compared with the reference; of smoothing, the condition."""
        return self.contrast.get("group", self.contrast.get("condition"))

    @property
    def title(self) -> str:
        """The contrast as a title; of a design the name of the effect."""
        if "effect" in self.contrast:
            return str(self.contrast["effect"])
        return " → ".join(str(label) for label in (self.contrast.get("reference"), self.group) if label is not None)


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


def join_runs(runs: Sequence[Run]) -> Run:
    """
    Runs of one call on several modalities as one, whose fields say which modality they are in.

    What differs between the modalities is listed by modality.
    """
    if len(runs) == 1 and not runs[0].mod:
        return runs[0]
    parts = {run.mod: run for run in runs}
    first = runs[0]
    cells = {mod: run.cells for mod, run in parts.items()}
    return replace(
        first,
        mod="",
        params=_joined({mod: run.params for mod, run in parts.items()}),
        summary=_joined({mod: run.summary for mod, run in parts.items()}),
        diagnostics=_joined({mod: run.diagnostics for mod, run in parts.items()}),
        fingerprint=_joined({mod: run.fingerprint for mod, run in parts.items()}),
        row_prints={},
        cells=first.cells if all(own == first.cells for own in cells.values()) else {"modalities": cells},
        fields=[entry | {"mod": mod} for mod, run in parts.items() for entry in run.fields],
    )


def _joined(parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Values that all parts share, and of others one per modality."""
    names = dict.fromkeys(name for part in parts.values() for name in part)
    joined = {}
    for name in names:
        values = {mod: part[name] for mod, part in parts.items() if name in part}
        first = next(iter(values.values()))
        shared = len(values) == len(parts) and all(value == first for value in values.values())
        joined[name] = first if shared else values
    return joined
