"""The runs of a call, from its results."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kompot_scverse._data.targets import Targets
from kompot_scverse._stats.design import Design

from .field import Field
from .history import next_run_id
from .row_prints import row_prints
from .run import Run, now, versions

MAX_SAMPLE_CHARACTERS = 6_000
MAX_LEFT_OUT = 40
"""How much of the samples a run lists, so that it stays small."""


@dataclass(frozen=True)
class RunContent:
    """What runs record of their results."""

    params: dict[str, Any]
    summaries: list[dict[str, Any]]
    """One for each contrast, or one where nothing is compared."""
    diagnostics: list[dict[str, list[float]]]
    fingerprint: dict[str, str] = field(default_factory=dict)


def build_runs(
    targets: Targets,
    mod: str,
    design: Design,
    fields: list[Field],
    content: RunContent,
    *,
    key_added: str,
    call: dict[str, Any],
    warnings: Sequence[dict[str, str]] = (),
) -> list[Run]:
    """One run per contrast (one run if there is only one condition) of one modality; modalities share run numbers."""
    first, prints = next_run_id(targets.data), row_prints(fields)
    shared: dict[str, Any] = {
        "analysis": call["function"],
        "key_added": key_added,
        "params": content.params,
        "call": call | {"first_run": first},
        "environment": versions(),
        "time": now(),
        "mod": mod,
        "fingerprint": content.fingerprint,
        "warnings": list(warnings),
    }
    runs: list[Run] = []
    # with one condition nothing is compared, and the run is about that one
    numbers = range(1, len(design.conditions)) or [0]
    for number, summary, kept in zip(numbers, content.summaries, content.diagnostics, strict=True):
        own = [one for one in fields if one.of_contrast(design.reference, design.conditions[number])]
        runs.append(
            Run(
                run_id=first + len(runs),
                contrast=_contrast(design, number),
                cells=_cell_numbers(design, sorted({0, number})) | targets.cells_left_out(mod),
                summary=summary,
                fields=[one.entry() for one in own],
                diagnostics=kept,
                row_prints={place: prints[place] for one in own if (place := f"{one.slot}/{one.key}") in prints},
                **shared,
            )
        )
    return runs


def _contrast(design: Design, number: int) -> dict[str, str]:
    effect = design.effect(number) if number else None
    if effect is not None:
        return {"groupby": design.groupby, "group": effect.key, "effect": effect.name}
    reference = str(design.reference)
    if number == 0:
        return {"groupby": design.groupby, "condition": reference}
    return {"groupby": design.groupby, "reference": reference, "group": str(design.conditions[number])}


def _cell_numbers(design: Design, of_contrast: list[int]) -> dict[str, Any]:
    """Cells per condition and sample of a contrast; where the samples are very many, the first of them by name."""
    if design.formula is not None:
        of_contrast = [0]
    sizes, sample_sizes = design.condition_sizes(), design.sample_sizes()
    cells: dict[str, Any] = {"conditions": {str(design.conditions[c]): int(sizes[c]) for c in of_contrast}}
    if design.sample_key is None:
        return cells
    cells["samples"], room = {}, MAX_SAMPLE_CHARACTERS
    for c in of_contrast:
        listed = cells["samples"].setdefault(str(design.conditions[c]), {})
        for number, s in enumerate(design.members(c)):
            room -= len(json.dumps(design.samples[s])) + 8
            if room < 0:
                cells[f"samples_of_{design.conditions[c]}_not_listed"] = len(design.members(c)) - number
                break
            listed[design.samples[s]] = int(sample_sizes[s])
    left_out = [design.samples[s] for c in of_contrast for s in design.members(c) if not design.usable[s]]
    cells["left_out"] = left_out[:MAX_LEFT_OUT]
    if len(left_out) > MAX_LEFT_OUT:
        cells["more_left_out"] = len(left_out) - MAX_LEFT_OUT
    return cells
