"""Differential expression."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kompot_scverse.settings import GPSettings, StorageSettings, TestSettings

from ._de_fit import fit
from ._de_prepare import DERequest, prepare, sizes
from ._de_results import report, results
from ._steps import Tool, run_tool

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["de"]

DE = Tool(DERequest, prepare, fit, results, report, sizes)


def de(
    data: "AnnData | MuData",
    groupby: str,
    *,
    reference: object,
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

    The expression of a gene in cell i of sample s is modelled as a function of the cell state that all conditions share, an
    effect of the condition that varies over cell states, what the sample has of its own (with `sample_key`), and noise:
    :math:`y_i = m_0 + \beta_0(x_i) + \sum_j X_{sj} (m_j + \beta_j(x_i)) + v_s + u_s(x_i) + \varepsilon_i`, with
    Gaussian-process functions. Their amplitudes and the noise are estimated for every gene by marginal likelihood on a grid
    of variance ratios, over which the posterior is averaged with weights learnt from all genes. The log fold change at a
    cell is the difference of two conditions, its Mahalanobis distance from zero :math:`D = \sqrt{f^\top V^{-1} f}` with the
    posterior covariance V. `GPSettings.kompot()` gives the model of Kompot instead.

    Genes are called by a test of the replicates, with `sample_key`: in soft neighbourhoods of cell states, nested to
    several scales, the mean expression of each sample is an observation; the difference of the conditions is tested with
    a variance moderated over genes (Smyth 2004), the p-values of a gene are combined over neighbourhoods (Cauchy
    combination, Liu & Xie 2020) and adjusted over genes (Benjamini & Hochberg 1995). Without replicates, a score test of the
    effect tells whether the cells differ; this is about these cells, not about individuals.

    Parameters
    ----------
    data
        Annotated data; changed in place.
    groupby
        Obs column of the conditions. Columns of a MuData are looked up in its own obs, also as "mod:column", and in that of
        the modality, and must agree where there are several; `"rna:column"` names one.
    reference
        Category that the groups are compared with.
    groups
        One category or several (one contrast each); None for all others.
    sample_key
        Obs column of the biological replicates; adds the variance between them and the test. The same label in two
        conditions means two samples. Needs two samples of at least ten cells in each condition.
    paired
        Samples with the same label in both conditions are of one donor, whom the test blocks on; where some have no partner,
        donors get intercepts at random.
    covariates
        Obs columns, constant within each sample, that the test adjusts for: numbers, or categories.
    mod
        Modalities of a MuData whose features are tested, one or several; None for all that have cells in the
        representation. All are compared on the same cell states, and significance is for each modality by itself.
    use_rep
        Cell-state representation in obsm; None takes the first that exists of `X_joint`, `X_diffusion` (of
        `kp.pp.joint_states` and `kp.pp.diffusion_states`), `DM_EigenVectors`, `X_diffmap` and `X_pca`. Of a MuData, it is
        looked up in its own obsm (joint states) first, then in that of the modality; `"rna:X_pca"` names one.
    layer
        Log-normalised expression; None for X. Of a MuData also a dict with one for each modality. Logs to another base
        (as `uns["log1p"]` says, or as the values show) are turned into natural ones for all results.
    genes
        Names, a boolean mask, or the name of a boolean var column; None for all. Others keep the results of an earlier
        run with the same cells, states, expression and parameters, or else get NaN and False, with a warning; q is adjusted
        for all genes that then have a p. Of a MuData, names may have the modality
        in front (`"prot:CD3"`), and a dict gives one choice for each modality.
    mask_obs
        Cells to use: boolean (of a MuData for all its cells), or the name of a boolean obs column.
    cell_groups
        Obs column (for example the cell type) whose categories get statistics of their own.
    key_added
        Prefix K of everything written.
    gp, test, storage
        Settings of the model, of the test and what is called, and of what is kept.
    overwrite
        What happens to fields that exist: None warns, True is silent, False raises before anything is computed.

    Returns
    -------
    None. Written are, to the AnnData or to each modality of a MuData, with R the reference and G the group (suffix `_sample_var` with `sample_key`
    where marked \*):

    - var: `K_R_to_G_mahalanobis`\*, `_mean_lfc` (natural log, group − reference, over the cells of the contrast),
      `_state_sd`, `_effect_sd`, `_sample_sd`, `_noise_sd` (variance components in units of the expression), `_is_de`\*; with
      `sample_key`, `_pvalue` and `_qvalue` of the replicate test, without it `_pvalue_cells` and `_qvalue_cells`; with null
      genes `_mahalanobis_local_fdr`\*
    - layers: `K_{R,G}_imputed`, `K_{R,G}_std`\*, `K_R_to_G_fold_change` (natural log), `K_R_to_G_fold_change_std`\*,
      `K_R_to_G_lfsr`\* (local false sign rate) and, with `sample_key`, `K_R_to_G_lfc_zscore` (of the replicate test,
      averaged over the neighbourhoods of the cell); lazy dask arrays that are computed when read or written
    - obsm: `K_basis`, cells × features, and `K_{R,G}_variances`\*, `K_R_to_G_variances`\*; varm: `K_{R,G}_weights`, genes ×
      features, and `K_{R,G}_variance_weights`\*, `K_R_to_G_variance_weights`\*, from which the layers are built
    - with `GPSettings.kompot()` instead of the variances: obs `K_{R,G}_std`, the posterior standard deviation that all genes
      share, and with `sample_key` varm `K_{R,G}_sample_weights`, genes × rank × replicates
    - with `sample_key`, obsm: `K_neighborhoods`, cells × neighbourhoods; varm: `K_R_to_G_neighborhood_lfc`,
      `K_R_to_G_neighborhood_zscore`, genes × neighbourhoods, NaN where not tested
    - varm, with `cell_groups`: `K_R_to_G_<cell_groups>_mean_lfc`, `_lfc_se`\*, `_lfc_zscore`\*, `_lfsr`\*, genes × categories;
      NaN where a condition has fewer than ten cells of the category; with `sample_key` also `_pvalue` and `_qvalue` of
      the replicate test on the category's cells
    - uns: one run per contrast in `kompot`; of a MuData in its own uns, and in each modality what was written there

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
    run_tool(DE, de, locals())
