"""Differential expression."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from anndata import AnnData

from kompot_scverse._data.call_record import record_call
from kompot_scverse._data.de_fields import DEPlan, GeneResults, gene_values, plan_fields
from kompot_scverse._data.design import Design, resolve_design
from kompot_scverse._data.groups import category_means, group_column, group_statistics
from kompot_scverse._data.layers import lazy_product, lazy_std
from kompot_scverse._data.partial import GenePlacer, genes_covered
from kompot_scverse._data.resolve import check_anndata, expression, gene_numbers
from kompot_scverse._data.resource_plan import ResourcePlan
from kompot_scverse._data.store import check_overwrite, fill, write
from kompot_scverse.settings import FDRSettings, GPSettings, StorageSettings

from ._common import build_runs, cell_states, describe_gp
from ._de_model import DEModel, fit_model, significance
from ._dry_run import plan_de

__all__ = ["de"]

logger = logging.getLogger("kompot_scverse")


def de(
    data: AnnData,
    groupby: str,
    *,
    reference: object,
    groups: object | Sequence[object] | None = None,
    sample_key: str | None = None,
    use_rep: str | None = None,
    layer: str | None = None,
    genes: str | Sequence[str] | np.ndarray | None = None,
    mask_obs: str | Sequence[bool] | np.ndarray | None = None,
    cell_groups: str | None = None,
    key_added: str = "kompot_de",
    gp: GPSettings | None = None,
    fdr: FDRSettings | None = None,
    storage: StorageSettings | None = None,
    overwrite: bool | None = None,
    rng: int | np.random.Generator = 0,
    copy: bool = False,
    dry_run: bool = False,
) -> AnnData | ResourcePlan | None:
    r"""
    Differential expression over cell states, without clusters.

    The expression of each gene is smoothed over the cell states of each condition by a Gaussian process, and the two
    functions are compared. With the features :math:`\Phi` of the cell states, the posterior weights of condition c are
    :math:`W_c = V_c B_c / \sigma^2`, :math:`V_c = (I + G_c/\sigma^2)^{-1}` with :math:`G_c = \sum \Phi\Phi^\top` and
    :math:`B_c = \sum \Phi y^\top` over its cells. The log fold change at a cell is :math:`\Phi^\top \Delta`,
    :math:`\Delta = W_G - W_R`, and the Mahalanobis distance of a gene
    :math:`D = \sqrt{\Delta^\top (V_R + V_G)^{-1} \Delta}`. With `sample_key`, the covariance between the replicates'
    own posteriors is added to :math:`V_R + V_G`. Genes are called by comparing D with genes whose values are shuffled
    over the cells.

    Parameters
    ----------
    data
        Annotated data; changed in place unless `copy`.
    groupby
        Obs column of the conditions.
    reference
        Category that the groups are compared with.
    groups
        One category or several (one contrast each); None for all others.
    sample_key
        Obs column of the biological replicates; adds the variance between them. The same label in two conditions
        means two samples. Needs two samples of at least ten cells in each condition.
    use_rep
        Cell-state representation in obsm; None takes `DM_EigenVectors`, else `X_diffmap`, else `X_pca`.
    layer
        Log-normalised expression; None for X.
    genes
        Names, a boolean mask, or the name of a boolean var column; None for all. Others keep the results of an earlier
        run with the same cells, basis and parameters, or else get NaN and False.
    mask_obs
        Cells to use: boolean, or the name of a boolean obs column.
    cell_groups
        Obs column (for example the cell type) whose categories get statistics of their own.
    key_added
        Prefix K of everything written.
    gp, fdr, storage
        Settings of the model, of the significance and of what is kept.
    overwrite
        What happens to fields that exist: None warns, True is silent, False raises before anything is computed.
    rng
        Seed or generator for the null genes.
    copy
        Return changed data instead of changing `data`.
    dry_run
        Compute nothing and return the plan of resources and fields (:func:`kompot_scverse.pp.plan`).

    Returns
    -------
    None, the changed copy, or the plan. Written are, with R the reference and G the group (suffix `_sample_var` with `sample_key`
    where marked \*):

    - var: `K_R_to_G_mahalanobis`\*, `_mean_lfc` (natural log, group − reference, over the cells of the contrast),
      `_mahalanobis_local_fdr`\*, `_is_de`\*
    - layers: `K_{R,G}_imputed`, `K_R_to_G_fold_change` (natural log) and, with `sample_key`, `K_{R,G}_std`\*; lazy dask
      arrays that are computed when read or written
    - obs: `K_{R,G}_std`, posterior standard deviation of the smoothed expression
    - obsm: `K_basis`, cells × rank; varm: `K_{R,G}_weights`, genes × rank, and with `sample_key`
      `K_{R,G}_sample_weights`, genes × rank × replicates
    - varm, with `cell_groups`: `K_R_to_G_<cell_groups>_mean_lfc`, `_lfc_se`\*, `_lfc_zscore`\*, genes × categories;
      NaN where a condition has fewer than ten cells of the category
    - uns: one run per contrast in `kompot`

    Raises
    ------
    KeyError
        If a column, category, layer, representation or gene does not exist.
    ValueError
        If the cells, samples or values cannot be analysed. Nothing is written then.

    References
    ----------
    Otto et al. (2025), Kompot, bioRxiv 10.1101/2025.06.03.657769; Otto et al. (2024), Mellon, Nature Methods.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> int(adata.var["kompot_de_Young_to_Old_is_de"].sum()) > 0
    True
    """
    call = record_call(de, locals())
    adata = check_anndata(data)
    gp, fdr, storage = gp or GPSettings(), fdr or FDRSettings(), storage or StorageSettings()
    design = resolve_design(
        adata, groupby, reference=reference, groups=groups, sample_key=sample_key, mask_obs=mask_obs
    )
    numbers = gene_numbers(adata, genes)
    y = expression(adata, layer, numbers)
    categories = group_column(adata, cell_groups)
    significant = fdr.null_genes > 0 or fdr.null_mahalanobis is not None
    plan = DEPlan(
        key_added, cell_groups, significant, fdr.all_statistics, storage.layers is not None, gp.empirical_variance
    )
    planned = plan_fields(plan, design)
    if dry_run:
        return plan_de(adata, design, planned, y, use_rep=use_rep, gp=gp, fdr=fdr, storage=storage)
    check_overwrite(adata, planned, overwrite, call)

    states = cell_states(adata, use_rep, design.cells, gp)
    model = fit_model(y, states.x, states.phi, design, gp, fdr, np.random.default_rng(rng))

    params = describe_gp(states, gp) | {
        "layer": layer,
        "sample_key": sample_key,
        "cell_groups": cell_groups,
        "n_genes": y.shape[1],
        "null_genes": 0 if model.nulls is None else fdr.null_genes,
        "fdr_threshold": fdr.threshold,
        "empirical_variance": gp.empirical_variance,
        "layers": storage.layers,
        "rng": rng if isinstance(rng, int) else "generator",
    }
    phi = states.phi.astype(np.float32)
    placer = GenePlacer(adata, numbers, design, (plan.keys(design, None).basis, phi), params)
    values = _condition_values(plan, design, model, states.phi, placer)
    summaries = []
    for number, group in enumerate(design.groups, start=1):
        distances = model.genes.distance(number)
        comparison = significance(model, distances, number, fdr)
        is_de = None if comparison is None else comparison.local_fdr <= fdr.threshold
        cells = np.isin(design.condition_codes, (0, number))
        mean_lfc = model.genes.fold_change(number) @ states.phi[cells].mean(axis=0)
        per_group = None
        if categories is not None:
            per_group = group_statistics(model.genes, category_means(states.phi, categories, design, number), number)
        results = GeneResults(distances, mean_lfc, comparison, is_de, per_group)
        names = None if categories is None else categories.cat.categories
        values |= gene_values(plan, design, group, results, placer, names)
        summaries.append(_summary(results, y.shape[1]))

    params["updated_run"] = max(placer.updated, default=None)
    summaries = [summary | genes_covered(adata.var_names, numbers, placer.updated) for summary in summaries]
    fields = fill(planned, values)
    runs = build_runs(adata, "de", design, fields, key_added=key_added, params=params, summaries=summaries, call=call)
    target = adata.copy() if copy else adata
    write(target, fields, runs, storage)
    _log(design, summaries, fields)
    return target if copy else None


def _condition_values(
    plan: DEPlan, design: Design, model: DEModel, features: np.ndarray, place: GenePlacer
) -> dict[tuple[str, str], Any]:
    """Basis, weights and layers, from which everything else can be rebuilt."""
    basis_key, phi = place.basis
    values: dict[tuple[str, str], Any] = {("obsm", basis_key): phi}
    layers: dict[str, Any] = {}
    weights = []
    for number, condition in enumerate(design.conditions):
        keys = plan.keys(design, condition)
        post = model.genes.posteriors[number]
        key = keys.of(condition, "weights")
        weights.append(place(post.weights.astype(np.float32), "varm", key))
        values["varm", key] = weights[-1]
        layers[keys.of(condition, "imputed")] = lazy_product(phi, weights[-1])
        if plan.gene_noise:
            key = keys.of(condition, "noise")
            values["var", key] = place(np.asarray(model.sigma), "var", key)
        else:
            std = values["obs", keys.of(condition, "std")] = post.std(features)
        if model.genes.covariances is not None:
            key = keys.of(condition, "sample_weights")
            factor = place(model.genes.covariances[number].factor.astype(np.float32).compute(), "varm", key)
            values["varm", key] = factor
            if not plan.gene_noise:
                layers[keys.of(condition, "std", varies=True)] = lazy_std(phi, factor, std**2)
    for number, group in enumerate(design.groups, start=1):
        layers[plan.keys(design, group).field("fold_change")] = lazy_product(phi, weights[number] - weights[0])
    if plan.layers:
        values |= {("layers", key): layer for key, layer in layers.items()}
    return values


def _summary(results: GeneResults, n_genes: int) -> dict[str, Any]:
    """What a run remembers of its result."""
    summary: dict[str, Any] = {"n_genes": n_genes}
    if results.is_de is not None and results.comparison is not None:
        summary |= {
            "n_de": int(results.is_de.sum()),
            "n_up": int((results.is_de & (results.mean_lfc > 0)).sum()),
            "n_down": int((results.is_de & (results.mean_lfc < 0)).sum()),
            "null_share": results.comparison.null_share,
            "threshold_distance": float(results.mahalanobis[results.is_de].min()) if results.is_de.any() else None,
        }
    return summary


def _log(design: Design, summaries: list[dict[str, Any]], fields: list) -> None:
    layers = [field for field in fields if field.slot == "layers"]
    size = sum(np.prod(field.value.shape) * 4 for field in layers) / 1e9
    for group, summary in zip(design.groups, summaries, strict=True):
        found = f"{summary['n_de']:,} of " if "n_de" in summary else ""
        logger.info(
            "%s to %s: %s%s genes differentially expressed. %d layers are computed when read or written (%.2f GB); "
            "`kp.tl.cleanup` drops them.",
            design.reference, group, found, f"{summary['n_genes']:,}", len(layers), size,
        )  # fmt: skip
