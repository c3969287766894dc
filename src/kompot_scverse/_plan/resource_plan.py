"""The plan of a run: costs, fields, warnings."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from kompot_scverse._data.holders import holder
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.history import last_writer
from kompot_scverse._runs.html import details, html_table, page, text_table

from .cost import STAGES, Item, available_memory

MOST = 0.5
"""Share of the time above which a stage is named."""
COMFORT = 0.8
"""Share of the available memory that a run may take without a warning."""


@dataclass(frozen=True)
class Cost:
    """Predicted cost of a call."""

    items: list[Item]
    seconds: dict[str, float]
    """Seconds that each stage will take on this machine if it is idle."""
    core_seconds: float
    """Seconds of all cores together, which other work on the machine hardly changes."""
    disk: float
    """Bytes written to disk by the call."""
    layer_bytes: float
    """Bytes that the layers add to the file when the object is written."""


@dataclass(frozen=True, kw_only=True)
class ResourcePlan(Cost):
    """Predicted cost and effect of a call."""

    available: float
    """Bytes of memory that can still be taken."""
    fields: list[tuple[str, str, str]]
    """Slot (for a MuData with the modality in front), key, and which run wrote what it replaces."""
    notes: list[str]
    warnings: list[str] = field(default_factory=list)

    @property
    def peak_memory(self) -> float:
        """Largest memory above what is in use before the call, bytes."""
        return max(sum(item.n_bytes for item in self.items if stage in item.stages) for stage in STAGES)

    @property
    def time(self) -> float:
        """Seconds that the call will take on this machine if it is idle, right within a factor of two."""
        return sum(self.seconds.values())

    @property
    def status(self) -> str:
        """Whether the call can run: feasible, feasible with warnings, or not feasible."""
        if self.peak_memory > self.available:
            return "not feasible"
        return "feasible with warnings" if self.warnings or self.peak_memory > COMFORT * self.available else "feasible"

    @property
    def advice(self) -> str:
        """What to change if it cannot run."""
        if self.status != "not feasible":
            return ""
        largest = max(self.items, key=lambda item: item.n_bytes)
        hints = {
            "layers": "use `StorageSettings(layers='lazy')` or 'disk'",
            "null genes": "use fewer `TestSettings(null_genes=...)`",
            "row blocks": "store the expression as a sparse matrix",
        }
        hint = hints.get(
            largest.name, "analyse fewer genes at a time with `genes=`, or set a lower `GPSettings(n_landmarks=...)`"
        )
        return f"Most memory goes to {largest.name} ({_size(largest.n_bytes)}): {hint}."

    def to_df(self) -> pd.DataFrame:
        """One row per array."""
        rows = [(item.name, item.shape, int(item.n_bytes), ", ".join(item.stages)) for item in self.items]
        return pd.DataFrame(rows, columns=["array", "shape", "bytes", "stages"])

    def _lines(self) -> list[tuple[str, str]]:
        lines = [
            ("status", self.status),
            ("peak memory", f"{_size(self.peak_memory)} of {_size(self.available)} available"),
            ("time", self._time()),
            ("disk", _size(self.disk)),
            ("layers, when written", _size(self.layer_bytes)),
        ]
        lines += [("note", note) for note in self.notes]
        lines += [("warning", warning) for warning in self.warnings]
        return lines + ([("advice", self.advice)] if self.advice else [])

    def __repr__(self) -> str:
        """As text."""
        lines = ["ResourcePlan", *text_table(self._lines()), "Memory by array"]
        lines += text_table([(size, f"{name} {shape}".rstrip()) for name, shape, size, _ in self._arrays()])
        lines.append(f"Fields ({len(self.fields)})")
        lines += text_table([(f"{slot}[{key!r}]", note) for slot, key, note in self.fields])
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """As HTML."""
        warned = ("not feasible", "feasible with", *self.warnings)
        arrays = html_table(self._arrays(), ("array", "shape", "size", "held"))
        fields = html_table(self.fields, ("slot", "key", ""), notice=("OVERWRITES",))
        content = [
            html_table(self._lines(), notice=warned),
            details("Memory by array", arrays),
            details(f"Fields ({len(self.fields)})", fields),
        ]
        return page("Resource plan", "what the call would need and write", content)

    def _time(self) -> str:
        """Seconds, and where most of them go."""
        largest = max(self.seconds, key=lambda stage: self.seconds[stage])
        share = self.seconds[largest] / self.time
        most = f', {share:.0%} of it in the stage "{largest}"' if share > MOST else ""
        return f"about {_duration(self.time)} on this machine if it is idle ({_duration(self.core_seconds)} of all cores){most}"

    def _arrays(self) -> list[tuple[str, str, str, str]]:
        """Arrays, largest first: name, shape, size, stages."""
        ordered = sorted(self.items, key=lambda item: -item.n_bytes)
        return [
            (
                item.name,
                item.shape,
                _size(item.n_bytes),
                "throughout" if item.stages == STAGES else ", ".join(item.stages),
            )
            for item in ordered
        ]


def make_plan(data: Any, planned: list[Field], cost: Cost, notes: list[str], warnings: list[str]) -> ResourcePlan:
    """Put the plan together with what it would overwrite."""
    fields = []
    for entry in planned:
        note = ""
        if entry.is_in(data):
            writer = last_writer(holder(data, entry.mod), entry.slot, entry.key)
            note = "OVERWRITES" if writer is None else f"OVERWRITES run {writer}"
        fields.append((f"{entry.mod}.{entry.slot}" if entry.mod else entry.slot, entry.key, note))
    return ResourcePlan(**vars(cost), available=available_memory(), fields=fields, notes=notes, warnings=warnings)


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"


def _duration(n_seconds: float) -> str:
    """A rough figure: it is right within a factor of two."""
    if n_seconds < 1:
        return "a second"
    for unit, size in (("s", 60), ("min", 60)):
        if n_seconds < 2 * size:
            return f"{n_seconds:.2g} {unit}" if n_seconds < 10 else f"{n_seconds:.0f} {unit}"
        n_seconds /= size
    return f"{n_seconds:.2g} h" if n_seconds < 10 else f"{n_seconds:.0f} h"
