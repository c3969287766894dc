"""Differential abundance."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from kompot_scverse.settings import GPSettings, TestSettings

from ._da_fit import fit
from ._da_prepare import DARequest, prepare, sizes
from ._da_results import report, results
from ._steps import Tool, run_tool

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["da"]

DA = Tool(DARequest, prepare, fit, results, report, sizes)


def da(
    data: "AnnData | MuData",
    groupby: str,
    *,
    reference: object,
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

    The log fold change at a cell, :math:`\log p_G - \log p_R`, is estimated itself: among the pooled cells at a state, the log odds
    of being of the group follow it, which is a logistic regression with Gaussian fields, one smooth and one rough. Their
    amplitudes are those of largest evidence; where nothing changes they are zero or next to it. With `sample_key`, every
    sample differs from its condition by a field of its own, whose variance enters that of the log fold change.

    Then the replicates are tested, too: in soft neighbourhoods of cell states, the
    logit of each sample's share of cells is an observation, and the difference of the conditions is tested with a
    moderated variance (Smyth 2004). The false discovery rate over neighbourhoods is weighted by their overlap (spatial
    FDR, Dann et al. 2022), and p and q are carried over to the cells by their weights.

    Parameters
    ----------
    data
        Annotated data; changed in place.
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
        Samples with the same label in both conditions are of one donor, whom the test blocks on; where some have no partner,
        donors get intercepts at random.
    covariates
        Obs columns, constant within each sample, that the test adjusts for: numbers, or categories.
    mod
        Modality of a MuData whose representation is taken where the MuData itself has none of that name.
    use_rep
        Cell-state representation in obsm; None takes the first that exists of `X_joint`, `X_diffusion` (of
        `kp.pp.joint_states` and `kp.pp.diffusion_states`), `DM_EigenVectors`, `X_diffmap` and `X_pca`. Of a MuData as
        in :func:`de`.
    mask_obs
        Cells to use: boolean (of a MuData for all its cells), or the name of a boolean obs column. All cells get results
        nevertheless.
    key_added
        Prefix K of everything written.
    method
        "ratio", or "density", the method of the paper: the density of each condition from nearest-neighbour distances
        (mellon's model), the log fold change as their difference; with `sample_key` the variance between the log densities of
        the samples is added. It finds a small part of the log fold change where the representation has many dimensions.
    normalize
        Of `method="density"`; None is "mass". "count" divides each density by its number of cells; "mass" then also gives all densities of the call the same
        mass over the pooled cells, without which errors of the estimate that are the same at all cells remain.
    gp, test
        Settings of the model, and of the test and what is called.
    overwrite
        What happens to fields that exist: None warns, True is silent, False raises before anything is computed.

    Returns
    -------
    None. Written are, with R the reference and G the group (suffix `_sample_var` with `sample_key`
    where marked \*), for every cell with a state:

    - obs: `K_R_to_G_lfc` (natural log, group − reference), `K_R_to_G_lfc_zscore`\*, `K_R_to_G_neg_log10_lfc_ptp`\*
      (posterior tail probability of the other sign, one-sided), `K_R_to_G_lfsr`\* (local false sign rate: probability of no change or one of
      the other sign), `K_R_to_G_lfc_direction`\* (down, neutral, up) and `K_{R,G}_log_ratio`, the log of the density over the mean of
      the densities of all conditions; with `method="density"`, `K_{R,G}_log_density` instead of log ratio and lfsr; with `sample_key` also `K_R_to_G_lfc_pvalue`, `K_R_to_G_lfc_qvalue` and the effect
      `K_R_to_G_neighborhood_lfc` of the replicate test.
      The direction is the sign of that effect where q passes its threshold or, without replicates, that of lfc where |lfc| and the
      tail probability do, and else neutral
    - uns: one run per contrast in `kompot`

    Of a MuData, obs is its own for a joint representation, and else that of the modality which has the representation.

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
