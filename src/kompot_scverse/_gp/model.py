"""The cell-state model shared by all analyses: length scale, kernel, basis."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kompot_scverse._messages import logger

from .basis import Basis, fit_basis
from .distinct import DistinctPoints
from .frame import Frame, fit_frame
from .kernel import Kernel
from .mellon import has_own_scale, kernel_function, length_scale
from .near_points import near_distances
from .neighbor_choice import NeighborRequest, neighbor_sets
from .neighbor_sets import NeighborSets
from .neighbors import separate_points
from .points import Points

if TYPE_CHECKING:
    from kompot_scverse.settings import GPSettings


MAX_QUERIES, MIN_QUERIES = 10_000, 1000
"""Points whose nearest neighbour (among all) enters the length scale, at most and at least."""
COMPARED = 3 * 10**8
"""Pairs of points that are compared for it; more where its standard error would be above the next."""
MAX_ERROR = 0.005


@dataclass(frozen=True)
class CellStates:
    """Basis over the pooled cells of an analysis."""

    frame: Frame
    """What takes the representation to the points that the basis and the distances are of."""
    basis: Basis
    ls: float | None
    """Length scale in the units of the representation; None if the kernel brought its own."""
    ls_error: float
    """Relative standard error of the length scale; 0 if it was given or all cells entered."""
    left_out: np.ndarray
    """Prior variance that the basis leaves out at every pooled cell."""
    neighbors: NeighborSets | None
    """Distances of the pooled cells to their nearest neighbours; None where they were not needed for every cell."""

    def features(self, x: np.ndarray) -> np.ndarray:
        """Φ at points of the representation: cells × rank."""
        return self.basis.features(self.frame.inward(x))


def fit_cell_states(
    x: np.ndarray | Points, gp: "GPSettings", *, distances: NeighborRequest | None = None
) -> CellStates:
    """
    Estimate the length scale once on the pooled cells and choose the basis.

    Parameters
    ----------
    x
        Pooled cells of all conditions × dimensions, in the units of the representation, or in a frame already.
    gp
        Settings.
    distances
        What nearest-neighbour distances of every cell are needed for; None if they are not.
    """
    x = x if isinstance(x, Points) else Points(x, fit_frame(x))
    frame = x.frame
    own_scale = has_own_scale(gp.kernel)
    ls = None if own_scale else gp.ls
    estimated = ls is None and not own_scale
    neighbors, error = None, 0.0
    if distances is not None or estimated:
        points, near = separate_points(x)
        if near:
            logger.warning(
                "Most cells nearly coincide with another one, like copies with a little noise; those count as one for the "
                "length scale."
            )
        # of points, not cells: a copy of a cell says nothing about the distance between cell states
        if distances is not None:
            neighbors = neighbor_sets(x[:], points, distances, gp.neighbors, frame.scale)
            found = neighbors.pooled[points.rows]
        else:
            found = _some_distances(x, points)
        if estimated:
            ls = length_scale(found) * gp.ls_factor * frame.scale
            # a geometric mean; of all points there is nothing drawn
            error = float(np.log(found[found > 0]).std() * np.sqrt(max(0.0, 1 / len(found) - 1 / len(points))))
    kernel = Kernel(kernel_function(gp.kernel, ls if ls is not None else 1.0), frame)
    basis, left_out = fit_basis(x, kernel, max_rank=int(gp.n_landmarks), rtol=gp.rtol)
    if basis.residual > max(gp.rtol, 1e-12) and basis.rank >= min(gp.n_landmarks, len(x)):
        logger.warning(
            "The basis reached its largest rank, %d, with a residual prior variance of %.1e (asked for: %.1e). "
            "Raise `n_landmarks`, or use a longer length scale.",
            basis.rank, basis.residual, gp.rtol,
        )  # fmt: skip
    logger.info(
        "Basis: rank %d, residual %.1e, length scale %s.", basis.rank, basis.residual, f"{ls:.4g}" if ls else "own"
    )
    return CellStates(frame, basis, ls, error, left_out, neighbors)


def n_queries(n_points: int) -> int:
    """Number of points whose nearest neighbour is searched, unless they turn out to differ much."""
    return min(n_points, max(MIN_QUERIES, COMPARED // n_points), MAX_QUERIES)


def _some_distances(x: Points, points: DistinctPoints) -> np.ndarray:
    """Distance to the nearest other point, of as many as the length scale needs: all, or some evenly spread in canonical order."""
    n = n_queries(len(points))
    while True:
        found = near_distances(x, points.rows, np.linspace(0, len(points) - 1, n).astype(np.intp), 1)[:, 0]
        spread = float(np.log(found[found > 0]).std()) if found.any() else 0.0
        enough = min(len(points), MAX_QUERIES, int(np.ceil((spread / MAX_ERROR) ** 2)))
        if enough <= n:
            return found
        n = enough
