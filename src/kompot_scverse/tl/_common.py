"""Steps that the tools share: inputs, runs."""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kompot_scverse._data.design import Design
from kompot_scverse._data.resolve import check_finite
from kompot_scverse._data.targets import Targets
from kompot_scverse._gp.model import CellStates, fit_cell_states
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.history import Run, next_run_id, now, versions
from kompot_scverse._runs.row_prints import row_prints
from kompot_scverse.settings import GPSettings

__all__ = ["States", "build_runs", "cell_states", "describe_gp", "run_diagnostics"]


MAX_SAMPLE_CHARACTERS = 7_000
MAX_LEFT_OUT = 40
"""How much of the samples a run lists, so that it stays small."""
N_QUANTILES = 201


@dataclass(frozen=True)
class States:
    """Cell states of all cells."""

    use_rep: str
    x: np.ndarray
    """Cells × dimensions, in the frame of the model: centred, and close to 1 in size."""
    model: CellStates
    phi: np.ndarray
    """Cells × rank."""

    def of(self, targets: Targets, mod: str) -> "States":
        """Those of the cells of a modality."""
        return replace(self, x=targets.on(mod, self.x), phi=targets.on(mod, self.phi))


def cell_states(targets: Targets, cells: np.ndarray, gp: GPSettings, *, all_distances: bool = False) -> States:
    """Length scale and basis of the cells of an analysis; features of all cells that have a state."""
    check_finite(targets.x, cells, targets.use_rep)
    model = fit_cell_states(targets.x[cells], gp, all_distances=all_distances)
    return States(targets.use_rep, model.frame.inward(targets.x), model, model.features(targets.x))


def describe_gp(states: States, gp: GPSettings) -> dict[str, Any]:
    """Settings of the Gaussian process as resolved."""
    return {
        "use_rep": states.use_rep,
        "ls": states.model.ls,
        "ls_relative_error": round(states.model.ls_error, 5),
        "ls_factor": gp.ls_factor,
        "kernel": type(states.model.basis.kernel.function).__name__,
        "amplitude": gp.amplitude,
        "sigma": gp.sigma,
        "n_landmarks": gp.n_landmarks,
        "rtol": gp.rtol,
        "rank": states.model.basis.rank,
        "residual": states.model.basis.residual,
    }


def run_diagnostics(states: States, cells: np.ndarray, null: np.ndarray | None = None) -> dict[str, list[float]]:
    """
    What a run keeps for :func:`kompot_scverse.pl.diagnostics`, each as `N_QUANTILES` equally spaced quantiles.

    Parameters
    ----------
    states
        Cell states.
    cells
        Which of them are of the contrast.
    null
        Distances of the null genes.
    """
    prior = states.model.basis.kernel.diagonal(states.x[cells])
    # summed without an array of squares as large as the features
    left_out = prior - np.einsum("cr,cr->c", states.phi, states.phi)[cells]
    kept = {"residual_quantiles": left_out / prior.mean()}
    if null is not None:
        kept["null_quantiles"] = null
    levels = np.linspace(0, 1, N_QUANTILES)
    return {name: [float(f"{q:.4g}") for q in np.quantile(values, levels)] for name, values in kept.items()}


def build_runs(
    targets: Targets,
    mod: str,
    analysis: str,
    design: Design,
    fields: list[Field],
    *,
    key_added: str,
    params: dict[str, Any],
    summaries: list[dict[str, Any]],
    diagnostics: list[dict[str, list[float]]],
    call: dict[str, Any] | None = None,
    fingerprint: dict[str, str] | None = None,
) -> list[Run]:
    """One run per contrast, of one modality; those of several share their numbers."""
    first, time = next_run_id(targets.data), now()
    sizes, sample_sizes = design.condition_sizes(), design.sample_sizes()
    prints = row_prints(fields)
    runs = []
    for number, (group, summary, kept) in enumerate(zip(design.groups, summaries, diagnostics, strict=True)):
        own = [field for field in fields if field.of_contrast(design.reference, group)]
        cells = _cell_numbers(design, (0, number + 1), sizes, sample_sizes) | targets.cells_left_out(mod)
        runs.append(
            Run(
                run_id=first + number,
                analysis=analysis,
                key_added=key_added,
                contrast={"groupby": design.groupby, "reference": str(design.reference), "group": str(group)},
                params=params,
                cells=cells,
                summary=summary,
                call={} if call is None else call | {"first_run": first},
                fields=[field.entry() for field in own],
                environment=versions(),
                diagnostics=kept,
                time=time,
                mod=mod,
                fingerprint=fingerprint or {},
                row_prints={place: prints[place] for f in own if (place := f"{f.slot}/{f.key}") in prints},
            )
        )
    return runs


def _cell_numbers(
    design: Design, of_contrast: tuple[int, int], sizes: np.ndarray, sample_sizes: np.ndarray
) -> dict[str, Any]:
    """Cells per condition and sample of a contrast; where the samples are very many, the first of them by name."""
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
