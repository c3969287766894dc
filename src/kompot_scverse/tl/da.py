"""Differential abundance."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from kompot_scverse._data.holders import Data
from kompot_scverse.design import Design
from kompot_scverse.settings import GPSettings, TestSettings

from ._da_fit import fit
from ._da_prepare import DARequest, prepare, sizes
from ._da_results import report, results
from ._steps import Tool, run_tool

DA = Tool(DARequest, prepare, fit, results, report, sizes)


def da(
    data: Data,
    groupby: str | Design,
    *,
    reference: object = None,
    groups: object | Sequence[object] | None = None,
    sample_key: str | None = None,
    paired: bool = False,
    covariates: str | Sequence[str] | None = None,
    mod: str | None = None,
    use_rep: str | None = None,
    mask_obs: str | Sequence[bool] | np.ndarray | None = None,
    key_added: str = "kompot_da",
    method: Literal["ratio", "density"] = "ratio",
    normalize: Literal["mass", "count"] | None = None,
    gp: GPSettings | None = None,
    test: TestSettings | None = None,
    overwrite: bool | None = None,
) -> None:
    r"""
    Differential abundance over cell states, without clusters.

    The log fold change of the density at a cell state, :math:`\log p_G - \log p_R`, is estimated directly: it is, up to a
    constant, the log odds that a cell at this state belongs to the group. This is a logistic regression whose log odds are
    the sum of a smooth and a rough Gaussian process. The variances of both maximise the marginal likelihood; if nothing
    changes, they are zero or almost zero. With `sample_key`, each sample deviates from its condition by a process of its
    own, and the variance of these deviations is part of the uncertainty of the log fold change.

    With `sample_key`, a test of the replicates decides which cells are called. The cell states are covered by soft
    neighbourhoods. In each, the logit of a sample's share of cells is one observation, and the conditions are compared by a
    moderated t-test (Smyth 2004). The false discovery rate over neighbourhoods accounts for their overlap (spatial FDR, Dann
    et al. 2022). Each cell gets p, q and effect from the neighbourhoods that it belongs to.

    Parameters
    ----------
    data
        Annotated data; the results are added to it.
    groupby
        Obs column of the conditions, or a :class:`kompot_scverse.Design` as in :func:`de`.
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
        Modality of a MuData that holds the representation; None if the MuData itself or only one modality holds it.
    use_rep
        Cell-state representation in obsm. None takes the first of `X_joint` (from `kp.pp.joint_states`), `X_diffusion` (from
        `kp.pp.diffusion_states`), `DM_EigenVectors`, `X_diffmap` and `X_pca` that exists. A MuData is searched first, then its
        modalities; `"rna:X_pca"` names that of one modality.
    mask_obs
        Cells to analyse: a boolean mask (for a MuData, over all its cells) or the name of a boolean obs column. All other cells
        still get results.
    key_added
        Prefix K of everything written.
    method
        "ratio" estimates the log fold change directly. "density" is the method of the paper: it estimates the density of each
        condition from nearest-neighbour distances (mellon) and subtracts their logarithms; with `sample_key`, the variance
        between the log densities of the samples is added. In many dimensions "density" finds only a small part of a change.
    normalize
        Only for `method="density"`; None: "mass". "count" divides each density by its number of cells. "mass" also gives all
        densities the same mass over the pooled cells, which removes errors that are the same at all cells.
    gp, test
        Settings of the model, and of the test and what is called.
    overwrite
        What to do if fields exist already: None replaces them with a warning, True replaces them silently, False raises an
        error before anything is computed.

    Returns
    -------
    None. The following is written for every cell with a state. R is the reference and G the group; with `sample_key`, names
    marked \* end in `_sample_var`.

    - obs: `K_R_to_G_lfc` (natural log, group − reference), `K_R_to_G_lfc_zscore`\*, `K_R_to_G_neg_log10_lfc_ptp`\*
      (posterior tail probability, one-sided: the probability of the opposite sign), `K_R_to_G_lfsr`\* (local false sign rate:
      the probability of no change or of the opposite sign), `K_R_to_G_lfc_direction`\* (down, neutral, up) and
      `K_{R,G}_log_ratio`, the log of the density over the mean density of all conditions
    - obs, with `method="density"`: `K_{R,G}_log_density` instead of log ratio and lfsr
    - obs, with `sample_key`: `K_R_to_G_lfc_pvalue`, `K_R_to_G_lfc_qvalue` and the effect `K_R_to_G_neighborhood_lfc` of the
      replicate test
    - uns: one run per contrast in `kompot`

    With `sample_key`, the direction is the sign of the effect of the test if the q-value is small enough. Without, it is the
    sign of the log fold change if its size and its tail probability pass their thresholds. Otherwise it is neutral.

    In a MuData, obs is that of the MuData for a joint representation, and otherwise that of the modality with the
    representation.

    Raises
    ------
    KeyError
        If a column, category or representation does not exist.
    ValueError
        If the cells or samples cannot be analysed. Nothing is written then.

    References
    ----------
    Otto et al. (2025), Kompot, bioRxiv 10.1101/2025.06.03.657769; Otto et al. (2024), Mellon, Nature Methods; Dann et al.
    (2022), Milo, Nature Biotechnology 40, 245; Smyth (2004), SAGMB 3, 3.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> adata.obs["kompot_da_Young_to_Old_lfc_direction"].cat.categories.to_list()
    ['down', 'neutral', 'up']
    """
    run_tool(DA, da, locals())
