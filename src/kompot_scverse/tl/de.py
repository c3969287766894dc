"""Differential expression."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kompot_scverse._data.holders import Data
from kompot_scverse.design import Design
from kompot_scverse.settings import GPSettings, StorageSettings, TestSettings

from ._de_fit import fit
from ._de_prepare import DERequest, prepare, sizes
from ._de_results import report, results
from ._steps import Tool, run_tool

DE = Tool(DERequest, prepare, fit, results, report, sizes)


def de(
    data: Data,
    groupby: str | Design,
    *,
    reference: object = None,
    groups: object | Sequence[object] | None = None,
    sample_key: str | None = None,
    paired: bool = False,
    covariates: str | Sequence[str] | None = None,
    mod: str | Sequence[str] | None = None,
    use_rep: str | None = None,
    layer: str | Mapping[str, str | None] | None = None,
    genes: str | Sequence[str] | np.ndarray | Mapping[str, Any] | None = None,
    mask_obs: str | Sequence[bool] | np.ndarray | None = None,
    cell_groups: str | None = None,
    key_added: str = "kompot_de",
    gp: GPSettings | None = None,
    test: TestSettings | None = None,
    storage: StorageSettings | None = None,
    overwrite: bool | None = None,
) -> None:
    r"""
    Differential expression over cell states, without clusters.

    The expression of a gene in cell i of sample s is the sum of a function of the cell state that all conditions share, an
    effect of the condition that varies over cell states, a deviation of the sample (with `sample_key`), and noise:
    :math:`y_i = m_0 + \beta_0(x_i) + \sum_j X_{sj} (m_j + \beta_j(x_i)) + v_s + u_s(x_i) + \varepsilon_i`, with
    Gaussian-process functions. For every gene, the variances of these components are estimated by marginal likelihood on a
    grid; the posterior is averaged over the grid, with a prior learnt from all genes. The log fold change at a cell is the
    difference of two conditions. Its Mahalanobis distance from zero over all cells is :math:`D = \sqrt{f^\top V^{-1} f}` with
    posterior mean f and posterior covariance V. `GPSettings.kompot()` gives the model of Kompot instead.

    With `sample_key`, a test of the replicates decides which genes are called. The cell states are covered by soft
    neighbourhoods, which are merged step by step to larger ones. In each, the mean expression of a sample is one
    observation, and the conditions are compared by a moderated t-test (empirical-Bayes shrinkage of gene variances, Smyth
    2004). The p-values of a gene are combined over the neighbourhoods (Cauchy combination, Liu & Xie 2020) and adjusted over
    genes (Benjamini & Hochberg 1995), which are weighted by how well a change of them would be seen (Genovese et al. 2006).
    Without `sample_key`, a score test tells whether the cells differ; it says nothing about individuals.

    Parameters
    ----------
    data
        Annotated data; the results are added to it.
    groupby
        Obs column of the conditions, or a :class:`kompot_scverse.Design`: a formula over the samples, for covariates of interest,
        time, interactions and repeated measures. A MuData may hold a column itself or in its modalities, where all copies must
        agree; `"rna:column"` names that of one modality.
    reference
        Category of `groupby` that the groups are compared with; needed with a column.
    groups
        Category or categories to compare with the reference, one contrast each; None for all others.
    sample_key
        Obs column of the biological replicates. With it, the variance between replicates is part of every uncertainty, and the
        replicates are tested. Each condition needs two samples of at least ten cells. The same label in two conditions means
        two samples.
    paired
        Whether samples with the same label in two conditions come from one donor. The test then compares within donors; if some
        donors lack a partner, donors are random intercepts.
    covariates
        Obs columns that the test adjusts for: numbers or categories that are constant within each sample.
    mod
        One or several modalities of a MuData to test; None for all that have cells in the representation. All are compared on the
        same cell states, and each has its own significance.
    use_rep
        Cell-state representation in obsm. None takes the first of `X_joint` (from `kp.pp.joint_states`), `X_diffusion` (from
        `kp.pp.diffusion_states`), `DM_EigenVectors`, `X_diffmap` and `X_pca` that exists. A MuData is searched first, then its
        modalities; `"rna:X_pca"` names that of one modality.
    layer
        Layer of the log-normalised expression; None for X. A MuData also takes a dict with one layer per modality. Logarithms to
        another base (recorded in `uns["log1p"]`, or seen from the values) are converted to natural ones.
    genes
        Genes to analyse: names, a boolean mask, or the name of a boolean var column; None for all. The other genes keep the
        results of an earlier run if its cells, cell states, expression and parameters were the same; otherwise they become NaN
        (False in `is_de`), with a warning. q-values cover all genes that then have a p-value. For a MuData, names may carry
        their modality (`"prot:CD3"`), and a dict gives a choice for each modality.
    mask_obs
        Cells to analyse: a boolean mask (for a MuData, over all its cells) or the name of a boolean obs column. All other cells
        still get results.
    cell_groups
        Obs column, for example the cell type, whose categories get statistics of their own.
    key_added
        Prefix K of everything written.
    gp, test, storage
        Settings of the model, of the test, and of how results are stored.
    overwrite
        What to do if fields exist already: None replaces them with a warning, True replaces them silently, False raises an
        error before anything is computed.

    Returns
    -------
    None. The following is written to the AnnData, or to each modality of a MuData. R is the reference and G the group; with
    `sample_key`, names marked \* end in `_sample_var`.

    - var: `K_R_to_G_mahalanobis`\*, `_mean_lfc` (natural log, group − reference, over the cells of the contrast),
      `_state_sd`, `_effect_sd`, `_sample_sd`, `_noise_sd` (variance components in units of the expression), `_is_de`\*; with
      `sample_key`, `_pvalue` and `_qvalue` of the replicate test, without it `_pvalue_cells` and `_qvalue_cells`; with null
      genes `_mahalanobis_local_fdr`\*
    - layers: `K_{R,G}_imputed`, `K_{R,G}_std`\*, `K_R_to_G_fold_change` (natural log), `K_R_to_G_fold_change_std`\*,
      `K_R_to_G_lfsr`\* (local false sign rate) and, with `sample_key`, `K_R_to_G_lfc_zscore` (of the replicate test,
      averaged over the neighbourhoods of the cell); lazy dask arrays that are computed when read or written
    - obs: `K_R_to_G_support`, how far cells of both sides support a fold change (0 to 1; below 0.1 it is extrapolated)
    - obsm: `K_basis`, cells × features, and `K_{R,G}_variances`\*, `K_R_to_G_variances`\*; varm: `K_{R,G}_weights`, genes ×
      features, and `K_{R,G}_variance_weights`\*, `K_R_to_G_variance_weights`\*, from which the layers are built
    - with `GPSettings.kompot()` instead of the variances: obs `K_{R,G}_std`, the posterior standard deviation that all genes
      share, and if `storage` says so varm `K_{R,G}_sample_weights`, genes × rank × replicates
    - with `sample_key`, obsm: `K_neighborhoods`, cells × neighbourhoods, sparse; varm: `K_R_to_G_neighborhood_lfc`,
      `K_R_to_G_neighborhood_zscore`, genes × neighbourhoods, NaN where not tested
    - varm, with `cell_groups`: `K_R_to_G_<cell_groups>_mean_lfc`, `_lfc_se`\*, `_lfc_zscore`\*, `_lfsr`\*, genes × categories;
      NaN where a condition has fewer than ten cells of the category; with `sample_key` also `_pvalue` and `_qvalue` of
      the replicate test on the category's cells
    - with a `Design`, one run and these fields for each effect, with its name in the place of `R_to_G` and no fields of
      conditions; varm `K_<effect>_effect_weights`, and `K_coefficient_weights` with the fields of all coefficients. Effects
      with several coefficients have `_pvalue`, `_qvalue`, `_is_de`\*, `_neighborhood_zscore` and `_lfc_zscore` (from F, not
      negative), and of their levels `_level_lfc`, `_largest_lfc` and `_highest`
    - uns: one run per contrast in `kompot`; for a MuData in its own uns, and in each modality for what was written there

    Raises
    ------
    KeyError
        If a column, category, layer, representation or gene does not exist.
    ValueError
        If the cells, samples or values cannot be analysed. Nothing is written then.

    References
    ----------
    Otto et al. (2025), Kompot, bioRxiv 10.1101/2025.06.03.657769; Otto et al. (2024), Mellon, Nature Methods; Smyth
    (2004), SAGMB 3, 3; Liu & Xie (2020), JASA 115, 393; Genovese et al. (2006), Biometrika 93, 509.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> int(adata.var["kompot_de_Young_to_Old_is_de"].sum()) > 0
    True
    """
    run_tool(DE, de, locals())
