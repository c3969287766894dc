"""Smoothed expression."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from anndata import AnnData

from kompot_scverse._data.call_record import record_call
from kompot_scverse._data.design import MIN_CELLS, Design
from kompot_scverse._data.disk import DiskStore
from kompot_scverse._data.errors import choices, in_modality
from kompot_scverse._data.layers import lazy_product
from kompot_scverse._data.matrix import MatrixReader
from kompot_scverse._data.partial import GenePlacer, genes_covered
from kompot_scverse._data.provenance import Run, next_run_id, now, versions
from kompot_scverse._data.resolve import cell_mask, expression, gene_numbers, match_label, obs_column
from kompot_scverse._data.store import Field, check_overwrite, fill, write
from kompot_scverse._data.targets import Targets, resolve_targets
from kompot_scverse._keys import slug
from kompot_scverse.settings import FDRSettings, GPSettings, StorageSettings

from ._common import States, cell_states, describe_gp
from ._de_model import fit_model

if TYPE_CHECKING:
    from mudata import MuData

__all__ = ["smooth"]

logger = logging.getLogger("kompot_scverse")

ALL = "all cells"
"""Name of the only condition where there is no `groupby`."""


def smooth(
    data: "AnnData | MuData",
    groupby: str | None = None,
    *,
    group: object = None,
    mod: str | Sequence[str] | None = None,
    use_rep: str | None = None,
    layer: str | Mapping[str, str | None] | None = None,
    genes: str | Sequence[str] | np.ndarray | None = None,
    mask_obs: str | Sequence[bool] | np.ndarray | None = None,
    key_added: str = "kompot_smooth",
    gp: GPSettings | None = None,
    storage: StorageSettings | None = None,
    overwrite: bool | None = None,
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""
    Smoothed expression over cell states, of one condition or of all cells, and its uncertainty.

    The expression of each gene is smoothed by the Gaussian process of :func:`de`: with the features :math:`\Phi` of the
    cell states, the mean at a cell is :math:`\Phi^\top W`, :math:`W = V B / \sigma^2`, and the variance
    :math:`\Phi^\top V \Phi`, :math:`V = (I + G/\sigma^2)^{-1}`, with :math:`G = \sum \Phi\Phi^\top` and
    :math:`B = \sum \Phi y^\top` over the cells of the condition. Length scale and basis come from all cells (of
    `mask_obs`), so that the conditions of one `groupby` are smoothed alike. Every cell gets values, also those of other
    conditions: what a cell of its state would express.

    Parameters
    ----------
    data
        Annotated data; changed in place unless `copy`.
    groupby
        Obs column of the conditions; None smooths over all cells.
    group
        Category of `groupby` whose cells are used.
    mod
        Modalities of a MuData whose features are smoothed; None for all that have cells in the representation.
    use_rep
        Cell-state representation in obsm; None takes `DM_EigenVectors`, else `X_diffmap`, else `X_pca`. Of a MuData as
        in :func:`de`.
    layer
        Log-normalised expression; None for X. Of a MuData also a dict with one for each modality.
    genes
        Names, a boolean mask, or the name of a boolean var column; None for all. Others get NaN. Of a MuData as in
        :func:`de`.
    mask_obs
        Cells to use: boolean (of a MuData for all its cells), or the name of a boolean obs column. All cells get results
        nevertheless.
    key_added
        Prefix K of everything written; with `group`, K is followed by its name.
    gp, storage
        Settings of the model and of what is kept.
    overwrite
        What happens to fields that exist: None warns, True is silent, False raises before anything is computed.
    copy
        Return changed data instead of changing `data`.

    Returns
    -------
    None, or the changed copy. Written are, with `group` as `K_{group}_…`, to the AnnData or to each modality:

    - layers: `K_imputed`, smoothed expression; a lazy dask array that is computed when read or written
    - obs: `K_std`, its posterior standard deviation (or, with `GPSettings(empirical_variance=True)`, var: `K_noise`)
    - obsm: `K_basis`, cells × rank; varm: `K_weights`, genes × rank, from which :func:`kompot_scverse.get.layer` builds
      the layer again
    - uns: a run in `kompot`

    Raises
    ------
    KeyError
        If a column, category, layer, representation or gene does not exist.
    ValueError
        If the cells or values cannot be analysed. Nothing is written then.

    References
    ----------
    Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, section 2.1.2.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.smooth(adata, "Age", group="Old", layer="logged_counts")
    >>> adata.layers["kompot_smooth_Old_imputed"].shape
    (600, 100)
    """
    call = record_call(smooth, locals())
    gp, storage = gp or GPSettings(), storage or StorageSettings()
    targets = resolve_targets(data, mod, use_rep)
    layers = targets.per_modality(layer, "layer")
    tasks = {}
    for name, chosen in targets.genes(genes).items():
        with in_modality(name):
            tasks[name] = _prepare(targets, name, groupby, group, mask_obs, layers[name], chosen)
    prefix = key_added if groupby is None else f"{key_added}_{slug(next(iter(tasks.values())).design.reference)}"
    planned = {name: _plan_fields(prefix, task, storage, gp) for name, task in tasks.items()}
    check_overwrite(targets.data, chain(*planned.values()), overwrite, call)

    cells = targets.used({name: task.mask for name, task in tasks.items()})
    states = cell_states(targets, cells, gp)
    params = describe_gp(states, gp) | {
        "n_cells_basis": int(cells.sum()),
        "empirical_variance": gp.empirical_variance,
        "layers": storage.layers,
    }
    fields, runs = [], []
    for name, task in tasks.items():
        own_params = params | {"layer": layers[name], "n_genes": task.y.shape[1]}
        values, updated = _fit(task, states.of(targets, name), gp, prefix, own_params)
        own_params["updated_run"] = max(updated, default=None)
        filled = fill(planned[name], values)
        fields += filled
        covered = genes_covered(task.frame.var_names, task.numbers, updated)
        runs.append(_run(targets, task, filled, call, key_added=key_added, params=own_params, summary=covered))
    target = data.copy() if copy else data
    write(target, fields, runs, DiskStore(storage))
    for task in tasks.values():
        logger.info(
            "Smoothed %s %s over %s cells (%s).",
            f"{task.y.shape[1]:,}", f"features of {task.mod}" if task.mod else "genes", f"{task.n_cells:,}",
            task.design.reference,
        )  # fmt: skip
    return target if copy else None


@dataclass(frozen=True)
class _Task:
    """What is smoothed in one modality."""

    mod: str
    frame: AnnData
    design: Design
    mask: np.ndarray
    """Cells that length scale and basis come from."""
    numbers: np.ndarray | None
    y: MatrixReader

    @property
    def n_cells(self) -> int:
        return int(self.design.cells.sum())


def _prepare(
    targets: Targets, mod: str, groupby: str | None, group: object, mask_obs: Any, layer: str | None, genes: Any
) -> _Task:
    """Look up what the call names."""
    frame = targets.frames[mod]
    mask = cell_mask(frame, targets.mask(mod, mask_obs))
    design = _design(frame, groupby, group, mask)
    numbers = gene_numbers(frame, genes)
    return _Task(mod, frame, design, mask, numbers, expression(frame, layer, numbers))


def _fit(
    task: _Task, states: States, gp: GPSettings, prefix: str, params: dict[str, Any]
) -> tuple[dict[tuple[str, str], Any], set[int]]:
    """Values of the fields of one modality, and the earlier runs whose other genes were kept."""
    # without null genes nothing is random
    fdr, rng = FDRSettings(null_genes=0), np.random.default_rng(0)
    model = fit_model(task.y, states.x, states.phi, task.design, gp, fdr, rng)
    post = model.genes.posteriors[0]
    phi = states.phi.astype(np.float32)
    place = GenePlacer(task.frame, task.numbers, task.design, (f"{prefix}_basis", phi), params)
    weights = place(post.weights.astype(np.float32), "varm", f"{prefix}_weights")
    values: dict[tuple[str, str], Any] = {
        ("obsm", f"{prefix}_basis"): phi,
        ("varm", f"{prefix}_weights"): weights,
        ("layers", f"{prefix}_imputed"): lazy_product(phi, weights),
    }
    if gp.empirical_variance:
        values["var", f"{prefix}_noise"] = place(np.asarray(model.sigma), "var", f"{prefix}_noise")
    else:
        values["obs", f"{prefix}_std"] = post.std(states.phi)
    return values, place.updated


def _run(
    targets: Targets,
    task: _Task,
    fields: list[Field],
    call: dict[str, Any],
    *,
    key_added: str,
    params: dict[str, Any],
    summary: dict[str, Any],
) -> Run:
    run_id, name = next_run_id(targets.data), str(task.design.reference)
    return Run(
        run_id=run_id,
        analysis="smooth",
        key_added=key_added,
        contrast={"groupby": task.design.groupby, "condition": name},
        params=params,
        cells={"conditions": {name: task.n_cells}} | targets.cells_left_out(task.mod),
        summary={"n_genes": task.y.shape[1]} | summary,
        call=call | {"first_run": run_id},
        fields=[field.entry() for field in fields],
        environment=versions(),
        time=now(),
        mod=task.mod,
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


def _plan_fields(prefix: str, task: _Task, storage: StorageSettings, gp: GPSettings) -> list[Field]:
    """All fields of a call, without values; named as those of a group, since they can be rebuilt in the same way."""
    name = str(task.design.reference)
    fields = [
        Field("obsm", f"{prefix}_basis", "basis", "features of the cell states, cells × rank"),
        Field(
            "varm", f"{prefix}_weights", "group_weights", f"weights of the smoothed expression in {name}, genes × rank"
        ),
    ]
    if gp.empirical_variance:
        fields.append(Field("var", f"{prefix}_noise", "group_noise", f"noise SD of each gene in {name}"))
    else:
        text = f"posterior SD of the smoothed expression in {name}"
        fields.append(Field("obs", f"{prefix}_std", "group_std", text))
    if storage.layers is not None:
        fields.append(Field("layers", f"{prefix}_imputed", "group_imputed", f"smoothed expression in {name}"))
    return [replace(field, mod=task.mod) for field in fields]
