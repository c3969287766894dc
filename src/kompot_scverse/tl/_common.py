"""Steps that the tools share: inputs, runs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from anndata import AnnData

from kompot_scverse._data.design import Design
from kompot_scverse._data.provenance import Run, next_run_id, now, versions
from kompot_scverse._data.resolve import check_finite, representation
from kompot_scverse._data.store import Field
from kompot_scverse._gp.model import CellStates, fit_cell_states
from kompot_scverse.settings import GPSettings

__all__ = ["States", "build_runs", "cell_states", "describe_gp"]


@dataclass(frozen=True)
class States:
    """Cell states of all cells."""

    use_rep: str
    x: np.ndarray
    """Cells × dimensions."""
    model: CellStates
    phi: np.ndarray
    """Cells × rank."""


def cell_states(adata: AnnData, use_rep: str | None, cells: np.ndarray, gp: GPSettings, *, all_distances: bool = False) -> States:
    """Representation, length scale and basis of the cells of an analysis; features of all cells."""
    name, x = representation(adata, use_rep)
    check_finite(x, cells, name)
    model = fit_cell_states(x[cells], gp, all_distances=all_distances)
    return States(name, x, model, model.basis.features(x))


def describe_gp(states: States, gp: GPSettings) -> dict[str, Any]:
    """Settings of the Gaussian process as resolved."""
    return {
        "use_rep": states.use_rep,
        "ls": states.model.ls,
        "ls_factor": gp.ls_factor,
        "kernel": type(states.model.basis.kernel.function).__name__,
        "sigma": gp.sigma,
        "n_landmarks": gp.n_landmarks,
        "rtol": gp.rtol,
        "rank": states.model.basis.rank,
        "residual": states.model.basis.residual,
    }


def build_runs(
    adata: AnnData,
    analysis: str,
    design: Design,
    fields: list[Field],
    *,
    key_added: str,
    params: dict[str, Any],
    summaries: list[dict[str, Any]],
) -> list[Run]:
    """One run per contrast."""
    first, time = next_run_id(adata), now()
    sizes, sample_sizes = design.condition_sizes(), design.sample_sizes()
    runs = []
    for number, (group, summary) in enumerate(zip(design.groups, summaries, strict=True)):
        of_contrast = (0, number + 1)
        cells: dict[str, Any] = {"conditions": {str(design.conditions[c]): int(sizes[c]) for c in of_contrast}}
        if design.sample_key is not None:
            cells["samples"] = {
                str(design.conditions[c]): {design.samples[s]: int(sample_sizes[s]) for s in design.members(c)} for c in of_contrast
            }
            cells["left_out"] = [
                design.samples[s] for c in of_contrast for s in design.members(c) if not design.usable[s]
            ]
        runs.append(
            Run(
                run_id=first + number,
                analysis=analysis,
                key_added=key_added,
                contrast={"groupby": design.groupby, "reference": str(design.reference), "group": str(group)},
                params=params,
                cells=cells,
                summary=summary,
                fields=[field.entry() for field in fields if field.of_contrast(design.reference, group)],
                environment=versions(),
                time=time,
            )
        )
    return runs


