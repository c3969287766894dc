"""Moments of cells in memory, as those of blocks of cells are computed and added."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kompot_scverse._stats.neighborhoods import NeighborhoodMoments


def collect_neighborhood_moments(
    weights: NDArray[np.float64], y: NDArray[np.floating] | sp.csr_array | sp.csr_matrix, codes: NDArray[np.integer]
) -> NeighborhoodMoments:
    """
    Sums of squares and products in soft neighbourhoods.

    Parameters
    ----------
    weights
        Weights W, cells x m.
    y
        Expression, cells x genes; sparse stays sparse.
    codes
        Sample number of every cell, 0 to samples - 1.
    """
    rows = [codes == sample for sample in range(int(codes.max()) + 1)]
    squared = np.square(y) if isinstance(y, np.ndarray) else y.multiply(y).tocsr()
    return NeighborhoodMoments(
        mass=np.array([weights[r].sum(axis=0) for r in rows]),
        gram=np.array([weights[r].T @ weights[r] for r in rows]),
        # yᵀW and not Wᵀy: the sparse matrix has to come first
        sums=np.array([(y[r].T @ weights[r]).T for r in rows]),
        squares=np.asarray((squared.T @ weights).T),
    )
