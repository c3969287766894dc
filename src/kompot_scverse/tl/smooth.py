"""Smoothed expression."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kompot_scverse._data.holders import Data
from kompot_scverse.settings import GPSettings, StorageSettings

from ._smooth_fit import fit
from ._smooth_prepare import SmoothRequest, SmoothTask, prepare
from ._smooth_results import report, results
from ._steps import Tool, run_tool

SMOOTH = Tool(SmoothRequest, prepare, fit, results, report, SmoothTask.sizes)


def smooth(
    data: Data,
    groupby: str | None = None,
    *,
    group: object = None,
    mod: str | Sequence[str] | None = None,
    use_rep: str | None = None,
    layer: str | Mapping[str, str | None] | None = None,
    genes: str | Sequence[str] | np.ndarray | Mapping[str, Any] | None = None,
    mask_obs: str | Sequence[bool] | np.ndarray | None = None,
    key_added: str = "kompot_smooth",
    gp: GPSettings | None = None,
    storage: StorageSettings | None = None,
    overwrite: bool | None = None,
) -> None:
    r"""
    Smoothed expression over cell states, of one condition or of all cells, and its uncertainty.

    The expression of each gene is smoothed by the Gaussian process of :func:`de`, with features :math:`\Phi` of the cell
    states. For a given amplitude and noise :math:`\sigma`, the posterior mean at a cell is :math:`\Phi^\top W` with
    :math:`W = V B / \sigma^2`, and the variance :math:`\Phi^\top V \Phi` with :math:`V = (I + G/\sigma^2)^{-1}`, where
    :math:`G = \sum \Phi\Phi^\top` and :math:`B = \sum \Phi y^\top` are sums over the cells of the condition. By default both
    are averaged over amplitudes and noise, by their marginal likelihood. Length scale and basis come from all cells of
    `mask_obs`, so conditions of one `groupby` are smoothed alike. Every cell gets a value, also those of other conditions:
    what a cell of its state is expected to express.

    Parameters
    ----------
    data
        Annotated data; the results are added to it.
    groupby
        Obs column of the conditions; None to smooth over all cells.
    group
        Category of `groupby` whose cells are used.
    mod
        One or several modalities of a MuData to smooth; None for all that have cells in the representation.
    use_rep
        Cell-state representation in obsm. None takes the first of `X_joint` (from `kp.pp.joint_states`), `X_diffusion` (from
        `kp.pp.diffusion_states`), `DM_EigenVectors`, `X_diffmap` and `X_pca` that exists. A MuData is searched first, then its
        modalities; `"rna:X_pca"` names that of one modality.
    layer
        Layer of the log-normalised expression; None for X. A MuData also takes a dict with one layer per modality. Logarithms to
        another base (recorded in `uns["log1p"]`, or seen from the values) are converted to natural ones.
    genes
        Genes to smooth: names, a boolean mask, or the name of a boolean var column; None for all. The other genes become NaN, or
        keep what an equal earlier run found. For a MuData, names may carry their modality (`"prot:CD3"`), and a dict gives a
        choice for each modality.
    mask_obs
        Cells to analyse: a boolean mask (for a MuData, over all its cells) or the name of a boolean obs column. All other cells
        still get results.
    key_added
        Prefix K of everything written; with `group`, its name follows K.
    gp, storage
        Settings of the model and of how results are stored.
    overwrite
        What to do if fields exist already: None replaces them with a warning, True replaces them silently, False raises an
        error before anything is computed.

    Returns
    -------
    None. The following is written to the AnnData, or to each modality of a MuData; with `group`, K is followed by its name.

    - layers: `K_imputed`, smoothed expression, and `K_std`, its posterior standard deviation; lazy dask arrays that are
      computed when read or written (with `GPSettings.kompot()` the latter is the same for all genes, in obs)
    - obsm: `K_basis`, cells × features, and `K_variances`; varm: `K_weights`, genes × features, and `K_variance_weights`,
      from which :func:`kompot_scverse.get.layer` builds the layers again
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
    run_tool(SMOOTH, smooth, locals())
