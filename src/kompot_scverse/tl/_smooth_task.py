"""The steps of `kp.tl.smooth` on one modality: what is smoothed, the fit, the run."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from anndata import AnnData

from kompot_scverse._data.design import MIN_CELLS, Design
from kompot_scverse._data.errors import choices
from kompot_scverse._data.matrix import MatrixReader
from kompot_scverse._data.resolve import cell_mask, expression, expression_values, gene_numbers, match_label, obs_column
from kompot_scverse._data.targets import Targets
from kompot_scverse._results.de_fields import variance_rows
from kompot_scverse._results.subsets import GenePlacer
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.fingerprint import array_print, design_prints, matrix_print
from kompot_scverse._runs.history import Run, next_run_id, now, versions
from kompot_scverse._runs.row_prints import row_prints
from kompot_scverse._stats.component_fit import ComponentFit
from kompot_scverse._stats.lazy_layers import lazy_product
from kompot_scverse.settings import GPSettings, StorageSettings, TestSettings

from ._common import States
from ._de_model import fit_model, model_features
from ._de_results import store_table
from ._genes_read import genes_read

__all__ = ["SmoothTask", "fit", "plan_fields", "prepare", "smooth_run"]

ALL = "all cells"
"""Name of the only condition where there is no `groupby`."""


@dataclass(frozen=True)
class SmoothTask:
    """What is smoothed in one modality."""

    mod: str
    frame: AnnData
    design: Design
    mask: np.ndarray
    """Cells that length scale and basis come from."""
    numbers: np.ndarray | None
    layer: str | None
    y: MatrixReader
    """All features of the layer."""

    @property
    def n_genes(self) -> int:
        """Features smoothed."""
        return self.y.shape[1] if self.numbers is None else len(self.numbers)

    @property
    def n_cells(self) -> int:
        return int(self.design.cells.sum())


def prepare(
    targets: Targets, mod: str, groupby: str | None, group: object, mask_obs: Any, layer: str | None, genes: Any
) -> SmoothTask:
    """Look up what the call names."""
    frame = targets.frames[mod]
    mask = cell_mask(frame, targets.mask(mod, mask_obs))
    design = _design(frame, groupby, group, mask)
    numbers = gene_numbers(frame, genes)
    return SmoothTask(mod, frame, design, mask, numbers, layer, expression(frame, layer, design.cells))


def fit(
    task: SmoothTask, states: States, gp: GPSettings, prefix: str, params: dict[str, Any]
) -> tuple[dict[tuple[str, str], Any], GenePlacer]:
    """Values of the fields of one modality, and what placed them."""
    # without null genes nothing is random
    test, rng = TestSettings(null_genes=0), np.random.default_rng(0)
    features = model_features(states, gp)
    read = genes_read(task.y, task.frame.var_names.to_list(), task.numbers, learn=gp.estimated)
    model = fit_model(read, states, features, task.design, gp, test, rng)
    phi = features.astype(np.float32)
    fingerprint = _fingerprint(task, states)
    place = GenePlacer(task.frame, task.numbers, task.design, (f"{prefix}_basis", phi), params, fingerprint)
    weights = place(model.genes.weights(0).astype(np.float32), "varm", f"{prefix}_weights")
    values: dict[tuple[str, str], Any] = {
        ("obsm", f"{prefix}_basis"): phi,
        ("varm", f"{prefix}_weights"): weights,
        ("layers", f"{prefix}_imputed"): lazy_product(phi, weights),
    }
    if isinstance(model.genes, ComponentFit):
        names = [f"{prefix}_{what}" for what in ("variances", "variance_weights", "std")]
        values["layers", names[-1]] = store_table(values, names, model.genes.variance_table(0), features, place)
    else:
        values["obs", f"{prefix}_std"] = model.genes.posteriors[0].std(features)
    place.warn()
    return values, place


def _fingerprint(task: SmoothTask, states: States) -> dict[str, str]:
    """Of what the results are made from, beside the parameters."""
    found = design_prints(task.frame, task.design)
    found["representation"] = array_print(states.x[task.mask])
    values, _ = expression_values(task.frame, task.layer)
    found["expression"] = matrix_print(values, task.design.cells, task.frame.var_names)
    return found


def smooth_run(
    targets: Targets,
    task: SmoothTask,
    fields: list[Field],
    call: dict[str, Any],
    *,
    key_added: str,
    params: dict[str, Any],
    summary: dict[str, Any],
    fingerprint: dict[str, str],
) -> Run:
    run_id, name = next_run_id(targets.data), str(task.design.reference)
    return Run(
        run_id=run_id,
        analysis="smooth",
        key_added=key_added,
        contrast={"groupby": task.design.groupby, "condition": name},
        params=params,
        cells={"conditions": {name: task.n_cells}} | targets.cells_left_out(task.mod),
        summary={"n_genes": task.n_genes} | summary,
        call=call | {"first_run": run_id},
        fields=[field.entry() for field in fields],
        environment=versions(),
        time=now(),
        mod=task.mod,
        fingerprint=fingerprint,
        row_prints=row_prints(fields),
    )


def _design(adata: AnnData, groupby: str | None, group: object, mask: np.ndarray) -> Design:
    """The cells to smooth over, as a design with one condition."""
    if groupby is None:
        if group is not None:
            raise ValueError(f"`group={group!r}` needs `groupby=`, the obs column that it is a category of.")
        label: object = ALL
        own, what = mask, "`mask_obs`"
    else:
        column = obs_column(adata, groupby, "groupby")
        if group is None:
            raise ValueError(
                f"`groupby={groupby!r}` needs `group=`, the category to smooth ({choices('', column.cat.categories)}); leave "
                "`groupby` out to smooth over all cells."
            )
        label = match_label(column, group, "group")
        own, what = (column == label).to_numpy() & mask, f"{label!r} of obs[{groupby!r}]"
    if own.sum() < MIN_CELLS:
        raise ValueError(f"{what} has {own.sum()} cells in the analysis; at least {MIN_CELLS} are needed.")
    codes = np.where(own, 0, -1).astype(np.int32)
    return Design(
        groupby or "",
        conditions=(label,),
        condition_codes=codes,
        sample_key=None,
        samples=(str(label),),
        sample_codes=codes,
        sample_conditions=np.zeros(1, dtype=np.intp),
        usable=np.ones(1, dtype=bool),
    )


def plan_fields(prefix: str, task: SmoothTask, storage: StorageSettings, gp: GPSettings) -> list[Field]:
    """All fields of a call, without values; named as those of a group, since they can be rebuilt in the same way."""
    name = str(task.design.reference)
    fields = [
        Field("obsm", f"{prefix}_basis", "basis", "features of the cell states, cells × rank"),
        Field(
            "varm", f"{prefix}_weights", "group_weights", f"weights of the smoothed expression in {name}, genes × rank"
        ),
    ]
    text = f"posterior SD of the smoothed expression in {name}"
    if gp.estimated:
        rows = variance_rows(f"the smoothed expression in {name}")
        fields += [Field(slot, f"{prefix}_{what}", f"group_{what}", about) for slot, what, _, about in rows]
        if storage.layers is not None:
            fields.append(Field("layers", f"{prefix}_std", "group_std", text))
    else:
        fields.append(Field("obs", f"{prefix}_std", "group_std", text))
    if storage.layers is not None:
        fields.append(Field("layers", f"{prefix}_imputed", "group_imputed", f"smoothed expression in {name}"))
    return [replace(field, mod=task.mod) for field in fields]
