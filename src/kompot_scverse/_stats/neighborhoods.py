"""Soft neighbourhoods of cells, the tree over them, and the per-sample moments they collect.

The neighbourhoods cover the representation without labels: every cell belongs to all of them with weights that sum to one.
Everything downstream needs only sums over cells (:class:`NeighborhoodMoments`), so a pass over blocks of cells suffices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_array, vstack
from scipy.spatial.distance import cdist, pdist

from kompot_scverse._gp.over_cells import over_cells
from kompot_scverse._gp.points import Points

MAX_CELLS_FOR_CENTERS = 50_000
"""Above this number of cells the centres come from a random subset: 50 centres need no more."""
MAX_CENTERS = 64
"""Largest default number of neighbourhoods."""
EXPRESSION_WIDTH = 0.2
"""Width for means: cells away from the centre must not blur them. On Kang's controls 0.2 and below have fewer p below 0.001
among the most expressed genes than 0.3 and 0.6 (0.0011, 0.0015, 0.0017), at the same power."""
ABUNDANCE_WIDTH = 0.35
"""Width for counts, which vary less if neighbourhoods have no sharp borders: of 2,000 splits of samples that do not differ,
3 against 3 melanoma patients, 10.4 % had a neighbourhood at q < 0.1 with 0.2, 9.9 % with 0.35, 9.8 % with 0.4 and 7.2 %
with 0.6; from 0.5 on changes in a tenth of the cells are found less."""
SLIGHT = 1e-6
"""Weight that is left out where the weights of all cells are kept."""
NARROW = 1e-3
"""Width below which squared distances are not taken from products, in which they would cancel."""
TINY = 1e-12
"""Stands for zero cells where a sum of weights is a denominator."""


@dataclass(frozen=True)
class Neighborhoods:
    """Centres and one Gaussian width in the units of the representation."""

    centers: NDArray[np.float64]
    """m x dimensions."""
    width: float
    """Standard deviation h of the Gaussian weights."""

    def weights(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        r"""Weights :math:`w_{ij} \propto \exp(-|x_i - c_j|^2 / 2h^2)` with :math:`\sum_j w_{ij} = 1`, shape (cells, m)."""
        if self.width < NARROW:
            logits = -0.5 * cdist(x, self.centers, "sqeuclidean") / self.width**2
        else:
            # what all neighbourhoods of a cell share is left out
            logits = (x @ self.centers.T - 0.5 * np.square(self.centers).sum(axis=1)) / self.width**2
        logits -= logits.max(axis=1, keepdims=True)
        weights = np.exp(logits, out=logits)
        weights /= weights.sum(axis=1, keepdims=True)
        return weights

    def sparse_weights(self, x: NDArray[np.floating] | Points) -> csr_array:
        """Weights above :data:`SLIGHT`; nearly all cells have these in a few neighbourhoods only."""
        return vstack(over_cells(sparse_weights, x, arguments=(self,), what="neighbourhoods"), format="csr")


def sparse_weights(x: NDArray[np.floating], neighborhoods: Neighborhoods) -> csr_array:
    """Sparse weights of a block of cells."""
    weights = neighborhoods.weights(x)
    weights[weights < SLIGHT] = 0.0
    return csr_array(weights / weights.sum(axis=1, keepdims=True))


def default_n_centers(n_cells: int, n_samples: int) -> int:
    r"""Number of neighbourhoods for a data set: :math:`\min(8\,c^{1/5}, c/3, 64)` with c cells per sample, at least 1.

    Finer neighbourhoods need more cells of every sample: 15 to 25 for a few hundred cells per sample, 50 for ten thousand.
    The growth is slow since the tree over the neighbourhoods covers the coarser scales anyway, and the tests cost m.

    Parameters
    ----------
    n_cells
        Cells of all samples.
    n_samples
        Samples.
    """
    per_sample = n_cells / max(n_samples, 1)
    return max(1, round(min(8 * per_sample**0.2, per_sample / 3, MAX_CENTERS)))


def fit_neighborhoods(
    x: NDArray[np.floating] | Points,
    n_centers: int,
    width: float = EXPRESSION_WIDTH,
    order: NDArray[np.intp] | None = None,
) -> Neighborhoods:
    """Place the centres by k-means and set the width from the spread of the cells around them.

    k-means starts from principal-direction bisection (Su & Dy 2007) and not from random cells, so that the centres of up to
    ``MAX_CELLS_FOR_CENTERS`` cells do not depend on chance or order. Of more, some are drawn.

    Parameters
    ----------
    x
        Representation, shape (cells, dimensions).
    n_centers
        Number of neighbourhoods m; fewer result where there are fewer distinct cells.
    width
        Width in units of the median distance between a cell and its nearest centre.
    order
        Numbers of the rows to use, in an order that belongs to the data; None for all as they are.
    """
    from sklearn.cluster import KMeans

    n = len(x) if order is None else len(order)
    drawn: slice | NDArray[np.intp] = slice(None) if order is None else order
    if n > MAX_CELLS_FOR_CENTERS:
        drawn = np.random.default_rng(0).choice(n, MAX_CELLS_FOR_CENTERS, replace=False)
        drawn = drawn if order is None else order[drawn]
    cells: NDArray[np.float64] = np.asarray(x[drawn], dtype=np.float64)
    start = _bisect(cells, n_centers)
    centers = KMeans(len(start), init=start, n_init=1, algorithm="lloyd").fit(cells).cluster_centers_.astype(np.float64)
    typical = float(np.median(cdist(cells, centers).min(axis=1)))
    if typical == 0:
        # most cells lie on their centre; a width well below the distances between centres keeps each to its own
        apart = pdist(centers)
        typical = float(apart.min()) / 5 if len(apart) else 1.0
    return Neighborhoods(centers, width * typical)


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


def neighborhood_tree(neighborhoods: Neighborhoods) -> NDArray[np.bool_]:
    """Nested groups of neighbourhoods by Ward's linkage of their centres: several scales from one set of moments.

    Returns
    -------
    Membership, shape (2 m - 1, m): first the m single neighbourhoods, the last row is everything.
    """
    return nodes_of(neighborhood_merges(neighborhoods), len(neighborhoods.centers))


def neighborhood_merges(neighborhoods: Neighborhoods) -> list[tuple[int, int]]:
    """Pairs of nodes that are merged, in order; each merge makes a new node."""
    if len(neighborhoods.centers) < 2:
        return []
    return [(int(first), int(second)) for first, second, *_ in linkage(neighborhoods.centers, "ward")]


def nodes_of(merges: Sequence[Sequence[int]], m: int) -> NDArray[np.bool_]:
    """Membership of all nodes, as in :func:`neighborhood_tree`, from the pairs that are merged.

    Parameters
    ----------
    merges
        From :func:`neighborhood_merges`.
    m
        Number of neighbourhoods.
    """
    nodes = list(np.eye(m, dtype=bool))
    for first, second in merges:
        nodes.append(nodes[first] | nodes[second])
    return np.array(nodes)


@dataclass(frozen=True)
class NeighborhoodMoments:
    """Sums over the cells of every sample; the moments of disjoint sets of cells add up."""

    mass: NDArray[np.float64]
    """Weight sums, soft cell numbers: samples x m."""
    gram: NDArray[np.float64]
    """WᵀW of every sample: samples x m x m; its diagonal holds the sums of squared weights."""
    sums: NDArray[np.floating]
    """Wᵀy of every sample: samples x m x genes."""
    squares: NDArray[np.floating]
    """Wᵀy² over the cells of all samples: m x genes."""

    def __add__(self, other: "NeighborhoodMoments") -> "NeighborhoodMoments":
        return NeighborhoodMoments(
            self.mass + other.mass, self.gram + other.gram, self.sums + other.sums, self.squares + other.squares
        )
