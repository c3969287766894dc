"""Soft neighbourhoods of cells, the tree over them, and the per-sample moments they collect.

The neighbourhoods cover the representation without labels: every cell belongs to all of them with weights that sum to one.
Everything downstream needs only sums over cells (:class:`NeighborhoodMoments`), so a pass over blocks of cells suffices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import cdist
from scipy.special import softmax

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MAX_CELLS_FOR_CENTERS = 50_000
"""Above this number of cells the centres come from a random subset: 50 centres need no more."""


@dataclass(frozen=True)
class Neighborhoods:
    """Centres and one Gaussian width in the units of the representation.

    Attributes
    ----------
    centers
        Centres, shape (m, dimensions).
    width
        Standard deviation h of the Gaussian weights.
    """

    centers: NDArray[np.float64]
    width: float

    def weights(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        r"""Weights :math:`w_{ij} \propto \exp(-|x_i - c_j|^2 / 2h^2)` with :math:`\sum_j w_{ij} = 1`, shape (cells, m)."""
        return softmax(-0.5 * cdist(x, self.centers, "sqeuclidean") / self.width**2, axis=1)


def fit_neighborhoods(
    x: NDArray[np.floating], n_centers: int = 15, width: float = 0.6, rng: np.random.Generator | None = None
) -> Neighborhoods:
    """Place the centres by k-means and set the width from the spread of the cells around them.

    k-means starts from principal-direction bisection (Su & Dy 2007) and not from random cells: the centres do not depend
    on the order of the cells, and up to ``MAX_CELLS_FOR_CENTERS`` cells not on ``rng`` either.

    Parameters
    ----------
    x
        Representation, shape (cells, dimensions).
    n_centers
        Number of neighbourhoods m; fewer result where there are fewer distinct cells.
    width
        Width in units of the median distance between a cell and its nearest centre.
    rng
        Draws the subset of cells when there are very many.
    """
    from sklearn.cluster import KMeans

    x = np.asarray(x, dtype=np.float64)
    if len(x) > MAX_CELLS_FOR_CENTERS:
        x = x[(rng or np.random.default_rng(0)).choice(len(x), MAX_CELLS_FOR_CENTERS, replace=False)]
    start = _bisect(x, n_centers)
    centers = KMeans(len(start), init=start, n_init=1, algorithm="lloyd").fit(x).cluster_centers_.astype(np.float64)
    typical = float(np.median(cdist(x, centers).min(axis=1)))
    # all cells on their centre: any positive width gives hard membership
    return Neighborhoods(centers, width * typical if typical > 0 else 1.0)


def _bisect(x: NDArray[np.float64], n_centers: int) -> NDArray[np.float64]:
    """Split the group with the largest sum of squares at its mean along its first principal axis until there are enough."""
    groups = [x]
    spread = [float(((x - x.mean(axis=0)) ** 2).sum())]
    while len(groups) < n_centers and max(spread) > 0:
        worst = int(np.argmax(spread))
        group = groups.pop(worst)
        spread.pop(worst)
        centred = group - group.mean(axis=0)
        axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
        # the sign of an eigenvector is arbitrary; fixing it keeps the order of the centres reproducible
        right = centred @ (axis * np.sign(axis[np.argmax(np.abs(axis))])) > 0
        for part in (group[right], group[~right]):
            groups.append(part)
            spread.append(float(((part - part.mean(axis=0)) ** 2).sum()) if len(part) > 1 else 0.0)
    return np.array([group.mean(axis=0) for group in groups])


@dataclass(frozen=True)
class NeighborhoodMoments:
    """Sums over the cells of every sample; moments of disjoint sets of cells add up.

    Attributes
    ----------
    mass
        Weight sums :math:`\\sum_i w_{ij}`, shape (samples, m): soft cell counts.
    gram
        :math:`W_s^T W_s`, shape (samples, m, m).
    sums
        :math:`B_s = W_s^T y`, shape (samples, m, genes).
    squares
        :math:`\\sum_i w_{ij} y_{ig}^2` over the cells of all samples, shape (m, genes).
    """

    mass: NDArray[np.float64]
    gram: NDArray[np.float64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]

    def __add__(self, other: NeighborhoodMoments) -> NeighborhoodMoments:
        return NeighborhoodMoments(
            self.mass + other.mass, self.gram + other.gram, self.sums + other.sums, self.squares + other.squares
        )
