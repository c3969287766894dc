"""The rank of the basis, estimated from some of the cells."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist

from kompot_scverse._gp.distinct import RESOLUTION
from kompot_scverse._gp.frame import fit_frame
from kompot_scverse._gp.kernel import Kernel
from kompot_scverse._gp.mellon import kernel_function
from kompot_scverse._gp.points import Points

if TYPE_CHECKING:
    from kompot_scverse.settings import GPSettings

PIVOT_CELLS, TEST_CELLS = 6000, 1500
"""Cells among which pivots are searched, and others on which the residual is measured."""
MAX_PIVOTS = 400
"""Pivots until which the residual is measured; beyond, it is extrapolated."""
MARGIN = 1.15
"""What is added where not all cells were looked at: the few in sparse regions, which need the most pivots, are missed."""
DISTANCES, QUERIES = 15_000_000, (40, 500)
"""Distances that are computed to find the length scale, and the range of the number of cells that give it."""
BLOCK = 20_000


def estimate_rank(x: np.ndarray, gp: "GPSettings") -> int:
    """
    Rank of the basis.

    The residual prior variance of the cells falls with a power of the rank (the smoothness of the kernel and the
    dimensionality of the cell states set it), which continues what few pivots show.

    Parameters
    ----------
    x
        Representation of the cells of the analysis.
    gp
        Settings.
    """
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(len(x), min(PIVOT_CELLS + TEST_CELLS, len(x)), replace=False))
    frame = fit_frame(x)
    points = Points(x, frame)
    ls = gp.ls
    if ls is None:
        n_queries = int(np.clip(DISTANCES / len(x), *QUERIES))
        nearest = _nearest_distances(points, chosen[:: max(1, len(chosen) // n_queries)])
        nearest = nearest[np.isfinite(nearest)]
        if nearest.size == 0:
            return 1
        ls = float(np.exp(np.log(nearest).mean() + 3)) * gp.ls_factor * frame.scale
    # a covariance with a length scale of its own does not ask for this one
    kernel = Kernel(kernel_function(gp.kernel, ls), frame)
    limit = min(int(gp.n_landmarks), len(x))
    probe = points[rng.permutation(chosen)]
    everything = len(chosen) == len(x)
    residuals = _residuals(probe, kernel, 0 if everything else TEST_CELLS, min(limit, MAX_PIVOTS), gp.rtol)
    if residuals.size == 0:
        return 1
    rank = float(len(residuals))
    if residuals[-1] > gp.rtol and len(residuals) == min(limit, MAX_PIVOTS):
        later = slice(len(residuals) // 3, None)
        slope = np.polyfit(np.log(np.arange(1, len(residuals) + 1))[later], np.log(residuals)[later], 1)[0]
        rank *= (gp.rtol / residuals[-1]) ** (1 / min(slope, -0.5))
    return int(min(limit, np.ceil(rank if everything else MARGIN * rank)))


def _nearest_distances(x: Points, queries: np.ndarray) -> np.ndarray:
    """Distance of some cells to the nearest of all others at another point."""
    nearest = np.full(len(queries), np.inf)
    for start in range(0, len(x), BLOCK):
        distances = cdist(x[queries], x[start : start + BLOCK])
        distances[distances <= RESOLUTION] = np.inf
        nearest = np.minimum(nearest, distances.min(axis=1))
    return nearest


def _residuals(x: np.ndarray, kernel: Kernel, n_test: int, max_rank: int, rtol: float) -> np.ndarray:
    """Relative mean residual of the last `n_test` rows (of all, if 0) after each pivot among the others."""
    n_pivots = len(x) - n_test
    tested = slice(n_pivots if n_test else 0, None)
    prior = kernel.diagonal(x)
    residual, rows, means = prior.copy(), np.empty((max_rank, len(x))), []
    for rank in range(max_rank):
        pivot = int(residual[:n_pivots].argmax())
        if residual[pivot] <= 1e-12 * prior.max():
            break
        column = kernel(x[pivot][None], x)[0] - rows[:rank, pivot] @ rows[:rank]
        rows[rank] = column / np.sqrt(residual[pivot])
        residual = np.maximum(residual - rows[rank] ** 2, 0.0)
        residual[pivot] = 0.0
        means.append(residual[tested].mean() / prior[tested].mean())
        if means[-1] <= rtol:
            break
    return np.array(means)
