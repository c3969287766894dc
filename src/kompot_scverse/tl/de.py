"""Differential expression."""

import logging
from collections.abc import Sequence

import numpy as np
from anndata import AnnData

from kompot_scverse._data.call_record import record_call
from kompot_scverse._data.de_fields import DEPlan, gene_values, plan_fields
from kompot_scverse._data.design import resolve_design
from kompot_scverse._data.disk import DiskStore
from kompot_scverse._data.groups import group_column
from kompot_scverse._data.partial import GenePlacer, genes_covered
from kompot_scverse._data.resolve import check_anndata, expression, gene_numbers
from kompot_scverse._data.resource_plan import ResourcePlan
from kompot_scverse._data.sample_design import contrast_designs
from kompot_scverse._data.store import check_overwrite, fill, write
from kompot_scverse.settings import FDRSettings, GPSettings, StorageSettings

from ._common import build_runs, cell_states, describe_gp, run_diagnostics
from ._de_model import factor_keeper, fit_model
from ._de_results import condition_values, contrast_results, log_results, summarize, zscore_layer
from ._dry_run import plan_de
from ._replicates import cell_weights, describe_tests

__all__ = ["de"]

logger = logging.getLogger("kompot_scverse")


def de(
    data: AnnData,
    groupby: str,
    *,
    reference: object,
    groups: object | Sequence[object] | None = None,
    sample_key: str | None = None,
    paired: bool = False,
    covariates: str | Sequence[str] | None = None,
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
    own posteriors is added to :math:`V_R + V_G`.

    Genes are called by a test of the replicates, with `sample_key`: in soft neighbourhoods of cell states, nested to
    several scales, the mean expression of each sample is an observation; the difference of the conditions is tested with
    a variance moderated over genes (Smyth 2004), the p-values of a gene are combined over neighbourhoods (Cauchy
    combination, Liu & Xie 2020) and adjusted over genes (Benjamini & Hochberg 1995). Without replicates D is compared
    with that of null genes, whose values are shuffled over the cells; this says that cells differ, not individuals.

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
        Obs column of the biological replicates; adds the variance between them and the test. The same label in two
        conditions means two samples. Needs two samples of at least ten cells in each condition.
    paired
        Samples with the same label in both conditions are of one donor, whom the test blocks on.
    covariates
        Obs columns, constant within each sample, that the test adjusts for: numbers, or categories.
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
      `_mahalanobis_local_fdr`\*, `_is_de`\* and, with `sample_key`, `_pvalue` and `_qvalue` of the replicate test
    - layers: `K_{R,G}_imputed`, `K_R_to_G_fold_change` (natural log) and, with `sample_key`, `K_{R,G}_std`\* and
      `K_R_to_G_lfc_zscore` (of the replicate test, averaged over the neighbourhoods of the cell); lazy dask arrays that
      are computed when read or written
    - obs: `K_{R,G}_std`, posterior standard deviation of the smoothed expression
    - obsm: `K_basis`, cells × rank; varm: `K_{R,G}_weights`, genes × rank, and with `sample_key`
      `K_{R,G}_sample_weights`, genes × rank × replicates
    - with `sample_key`, obsm: `K_neighborhoods`, cells × neighbourhoods; varm: `K_R_to_G_neighborhood_lfc`,
      `K_R_to_G_neighborhood_zscore`, genes × neighbourhoods, NaN where not tested
    - varm, with `cell_groups`: `K_R_to_G_<cell_groups>_mean_lfc`, `_lfc_se`\*, `_lfc_zscore`\*, genes × categories;
      NaN where a condition has fewer than ten cells of the category; with `sample_key` also `_pvalue` and `_qvalue` of
      the replicate test on the category's cells
    - uns: one run per contrast in `kompot`

    Raises
    ------
    KeyError
        If a column, category, layer, representation or gene does not exist.
    ValueError
        If the cells, samples or values cannot be analysed. Nothing is written then.

    References
    ----------
    Otto et al. (2025), Kompot, bioRxiv 10.1101/2025.06.03.657769; Otto et al. (2024), Mellon, Nature Methods; Smyth
    (2004), SAGMB 3, 3; Liu & Xie (2020), JASA 115, 393.

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
    contrasts = contrast_designs(adata, design, covariates, paired=paired)
    numbers = gene_numbers(adata, genes)
    y = expression(adata, layer, numbers)
    categories = group_column(adata, cell_groups)
    significant = fdr.null_genes > 0 or fdr.null_mahalanobis is not None
    plan = DEPlan(
        key_added,
        cell_groups,
        significance=significant,
        all_statistics=fdr.all_statistics,
        layers=storage.layers is not None,
        gene_noise=gp.empirical_variance,
        tested=contrasts is not None,
    )
    planned = plan_fields(plan, design)
    if dry_run:
        return plan_de(
            adata, design, planned, y, use_rep=use_rep, gp=gp, fdr=fdr, storage=storage, categories=categories
        )
    check_overwrite(adata, planned, overwrite, call)

    if contrasts is None:
        logger.warning("Without `sample_key`, significance is about the cells measured, not about individuals.")
    with DiskStore(storage) as disk:
        states = cell_states(adata, use_rep, design.cells, gp)
        weights = None
        if contrasts is not None:
            weights = cell_weights(states.x, design, fdr.n_neighborhoods, categories)
        model = fit_model(
            y,
            states.x,
            states.phi,
            design,
            gp,
            fdr,
            np.random.default_rng(rng),
            weights=None if weights is None else weights.columns,
            keep=factor_keeper(storage, disk),
        )

        params = describe_gp(states, gp) | {
            "layer": layer,
            "sample_key": sample_key,
            "cell_groups": cell_groups,
            "n_genes": y.shape[1],
            "null_genes": 0 if model.nulls is None else fdr.null_genes,
            "null": fdr.null,
            "fdr_threshold": fdr.threshold,
            "empirical_variance": gp.empirical_variance,
            "layers": storage.layers,
            "rng": rng if isinstance(rng, int) else "generator",
        }
        params |= describe_tests(weights, paired=paired, covariates=covariates)
        phi = states.phi.astype(np.float32)
        placer = GenePlacer(adata, numbers, design, (plan.keys(design, None).basis, phi), params)
        values = condition_values(plan, design, model, states.phi, placer, disk)
        soft = None if weights is None else weights.soft.astype(np.float32)
        if soft is not None:
            values["obsm", plan.keys(design, None).neighborhoods] = soft
        summaries, diagnostics = [], []
        for number, group in enumerate(design.groups, start=1):
            results = contrast_results(
                model,
                states.phi,
                design,
                number,
                fdr,
                categories=categories,
                weights=weights,
                contrast=None if contrasts is None else contrasts[number - 1],
            )
            names = None if categories is None else categories.cat.categories
            values |= gene_values(plan, design, group, results, placer, names)
            if soft is not None and plan.layers:
                values |= zscore_layer(plan, design, group, soft, values)
            summaries.append(summarize(results, y.shape[1]))
            null = None if results.comparison is None else results.comparison.null
            diagnostics.append(run_diagnostics(states, np.isin(design.condition_codes, (0, number)), null))

        params["updated_run"] = max(placer.updated, default=None)
        summaries = [summary | genes_covered(adata.var_names, numbers, placer.updated) for summary in summaries]
        fields = fill(planned, values)
        runs = build_runs(
            adata, "de", design, fields, key_added=key_added, params=params, summaries=summaries,
            diagnostics=diagnostics, call=call,
        )  # fmt: skip
        target = adata.copy() if copy else adata
        write(target, fields, runs, disk)
    log_results(design, summaries, fields)
    return target if copy else None
