"""Cells by name, number or mask."""

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed
from kompot_scverse._data.errors import missing
from kompot_scverse._data.protocol import AnnDataLike
from kompot_scverse._data.resolve import boolean_mask, is_mask


def cell_numbers(adata: AnnDataLike, cells: object) -> np.ndarray | slice:
    """Numbers of cells in the order asked for."""
    if cells is None:
        return slice(None)
    if isinstance(cells, str) and cells not in adata.obs:
        cells = [cells]
    if isinstance(cells, str) or is_mask(cells):
        return np.flatnonzero(boolean_mask(cells, adata.obs, adata.obs_names, "cells", "cells"))
    wanted = np.asarray(listed("cells", cells))
    if wanted.ndim != 1 or wanted.size == 0:
        raise ValueError("`cells` selects no cells; pass names, numbers or a boolean mask.")
    if np.issubdtype(wanted.dtype, np.integer):
        if wanted.min() < -adata.n_obs or wanted.max() >= adata.n_obs:
            raise IndexError(
                f"`cells` has numbers from {wanted.min():,} to {wanted.max():,}; there are {adata.n_obs:,} cells."
            )
        return wanted
    numbers = adata.obs_names.get_indexer(pd.Index(wanted)) if adata.obs_names.is_unique else None
    if numbers is None:
        raise ValueError(
            "Cell names are not unique; call `obs_names_make_unique()` first, or pass numbers as `cells=`."
        )
    if (numbers < 0).any():
        raise missing("cell", str(wanted[numbers < 0][0]), adata.obs_names[:1000])
    return numbers
