"""Smoothed expression."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from anndata import AnnData

from kompot_scverse._data.call_record import record_call
from kompot_scverse._data.design import MIN_CELLS, Design
from kompot_scverse._data.disk import DiskStore
from kompot_scverse._data.errors import choices
from kompot_scverse._data.layers import lazy_product
from kompot_scverse._data.partial import GenePlacer, genes_covered
from kompot_scverse._data.provenance import Run, next_run_id, now, versions
from kompot_scverse._data.resolve import cell_mask, check_anndata, expression, gene_numbers, match_label, obs_column
from kompot_scverse._data.store import Field, check_overwrite, fill, write
from kompot_scverse._keys import slug
from kompot_scverse.settings import FDRSettings, GPSettings, StorageSettings

from ._common import cell_states, describe_gp
from ._de_model import fit_model

__all__ = ["smooth"]

logger = logging.getLogger("kompot_scverse")

ALL = "all cells"
"""Name of the only condition where there is no `groupby`."""


def smooth(
    data: AnnData,
    groupby: str | None = None,
    *,
    group: object = None,
    use_rep: str | None = None,
    layer: str | None = None,
    genes: str | Sequence[str] | np.ndarray | None = None,
    mask_obs: str | Sequence[bool] | np.ndarray | None = None,
    key_added: str = "kompot_smooth",
    gp: GPSettings | None = None,
    storage: StorageSettings | None = None,
    overwrite: bool | None = None,
    copy: bool = False,
) -> AnnData | None:
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
    use_rep
        Cell-state representation in obsm; None takes `DM_EigenVectors`, else `X_diffmap`, else `X_pca`.
    layer
        Log-normalised expression; None for X.
    genes
        Names, a boolean mask, or the name of a boolean var column; None for all. Others get NaN.
    mask_obs
        Cells to use: boolean, or the name of a boolean obs column. All cells get results nevertheless.
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
    None, or the changed copy. Written are, with `group` as `K_{group}_…`:

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
    adata = check_anndata(data)
    gp, storage = gp or GPSettings(), storage or StorageSettings()
    mask = cell_mask(adata, mask_obs)
    design = _design(adata, groupby, group, mask)
    prefix = key_added if groupby is None else f"{key_added}_{slug(design.reference)}"
    numbers = gene_numbers(adata, genes)
    y = expression(adata, layer, numbers)
    planned = _plan_fields(prefix, str(design.reference), storage, gp)
    check_overwrite(adata, planned, overwrite, call)

    states = cell_states(adata, use_rep, mask, gp)
    # without null genes nothing is random
    model = fit_model(y, states.x, states.phi, design, gp, FDRSettings(null_genes=0), np.random.default_rng(0))
    post = model.genes.posteriors[0]

    params = describe_gp(states, gp) | {
        "layer": layer,
        "n_genes": y.shape[1],
        "n_cells_basis": int(mask.sum()),
        "empirical_variance": gp.empirical_variance,
        "layers": storage.layers,
    }
    phi = states.phi.astype(np.float32)
    place = GenePlacer(adata, numbers, design, (f"{prefix}_basis", phi), params)
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

    params["updated_run"] = max(place.updated, default=None)
    fields = fill(planned, values)
    run_id = next_run_id(adata)
    n_cells = int(design.cells.sum())
    run = Run(
        run_id=run_id,
        analysis="smooth",
        key_added=key_added,
        contrast={"groupby": design.groupby, "condition": str(design.reference)},
        params=params,
        cells={"conditions": {str(design.reference): n_cells}},
        summary={"n_genes": y.shape[1]} | genes_covered(adata.var_names, numbers, place.updated),
        call=call | {"first_run": run_id},
        fields=[field.entry() for field in fields],
        environment=versions(),
        time=now(),
    )
    target = adata.copy() if copy else adata
    write(target, fields, [run], DiskStore(storage))
    logger.info("Smoothed %s genes over %s cells (%s).", f"{y.shape[1]:,}", f"{n_cells:,}", design.reference)
    return target if copy else None


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


def _plan_fields(prefix: str, name: str, storage: StorageSettings, gp: GPSettings) -> list[Field]:
    """All fields of a call, without values; named as those of a group, since they can be rebuilt in the same way."""
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
    return fields
