"""Smoothed expression."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kompot_scverse.settings import GPSettings, StorageSettings

from ._smooth_fit import fit
from ._smooth_prepare import SmoothRequest, prepare, sizes
from ._smooth_results import report, results
from ._steps import Tool, run_tool

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["smooth"]

SMOOTH = Tool(SmoothRequest, prepare, fit, results, report, sizes)


def smooth(
    data: "AnnData | MuData",
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

    The expression of each gene is smoothed by the Gaussian process of :func:`de`: with the features :math:`\Phi` of the
    cell states, the mean at a cell is :math:`\Phi^\top W`, :math:`W = V B / \sigma^2`, and the variance
    :math:`\Phi^\top V \Phi`, :math:`V = (I + G/\sigma^2)^{-1}`, with :math:`G = \sum \Phi\Phi^\top` and
    :math:`B = \sum \Phi y^\top` over the cells of the condition. Length scale and basis come from all cells (of
    `mask_obs`), so that the conditions of one `groupby` are smoothed alike. Every cell gets values, also those of other
    conditions: what a cell of its state would express.

    Parameters
    ----------
    data
        Annotated data; changed in place.
    groupby
        Obs column of the conditions; None smooths over all cells.
    group
        Category of `groupby` whose cells are used.
    mod
        Modalities of a MuData whose features are smoothed; None for all that have cells in the representation.
    use_rep
        Cell-state representation in obsm; None takes the first that exists of `X_joint`, `X_diffusion` (of
        `kp.pp.joint_states` and `kp.pp.diffusion_states`), `DM_EigenVectors`, `X_diffmap` and `X_pca`. Of a MuData as
        in :func:`de`.
    layer
        Log-normalised expression; None for X. Of a MuData also a dict with one for each modality. Logs to another base
        (as `uns["log1p"]` says, or as the values show) are turned into natural ones for all results.
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

    Returns
    -------
    None. Written are, with `group` as `K_{group}_…`, to the AnnData or to each modality:

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
