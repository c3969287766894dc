"""Distances of some points to the nearest of very many, exact, by blocks of cells."""

import numpy as np

from .over_cells import over_cells
from .points import Points

COSTLY = 16
"""How much longer the distance of a pair takes than finding the nearest among the first points, for each of them."""
QUERIES, CELLS = 256, 2048
"""Points and cells compared at a time, so that their products stay in the cache."""
PAIRS = 2**18
"""Pairs whose coordinates are subtracted at a time."""


def near_distances(x: np.ndarray | Points, rows: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """
    Distances of some points to the nearest other ones, ascending: queries × k, or × n - 1 of n points; 0 for a single one.

    Pairs are excluded by a matrix product whose rounding is allowed for, in single precision where distances are not small;
    what is left is computed from differences of coordinates. So the result is exact.

    Parameters
    ----------
    x
        Cells × dimensions, in a frame.
    rows
        A cell of every point; points differ in at least one coordinate.
    queries
        Numbers of the points to answer for.
    k
        Number of neighbours.
    """
    k = min(k, len(rows) - 1)
    if k == 0:
        return np.zeros((len(queries), 1))
    centers = x[rows[queries]]
    # the nearest of all are not farther than the nearest of these; of more, fewer pairs would be left
    n_first = min(len(rows), k + 2 + int(np.sqrt(COSTLY * k * len(rows))))
    first = np.unique(np.linspace(0, len(rows) - 1, n_first).astype(np.intp))
    bound = _bound(x[rows[first]], centers, k)
    is_point = np.zeros(len(x), dtype=bool)
    is_point[rows] = True
    found = over_cells(_closer, x, is_point, arguments=(centers, bound), what="neighbours")
    numbers, squares = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((squares, numbers))
    starts = np.searchsorted(numbers[order], np.arange(len(queries)))
    return np.sqrt(squares[order][starts[:, None] + np.arange(k)])


def _bound(points: np.ndarray, centers: np.ndarray, k: int) -> np.ndarray:
    """Square of a distance within which each centre has k of the points beside itself."""
    margin, right, found = _margin(centers.shape[1], np.float64), _right(points, np.float64), []
    largest = np.square(points).sum(axis=1).max()
    for own in _batches(centers, np.arange(len(centers)), np.float64):
        # the centre itself may be among them
        kth = np.partition(own.left @ right, k, axis=1)[:, k]
        found.append(kth + own.sizes + 2 * margin * (own.sizes + largest))
    return np.concatenate([np.empty(0), *found])


def _closer(
    x: np.ndarray, is_point: np.ndarray, centers: np.ndarray, bound: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a centre and a point of a block within its bound: number of the centre, and squared distance."""
    points, numbers, squares = x[is_point], [np.empty(0, dtype=np.intp)], [np.empty(0)]
    single = bound > 4 * _margin(centers.shape[1], np.float32) * np.square(centers).sum(axis=1)
    for kind, chosen in ((np.float32, np.flatnonzero(single)), (np.float64, np.flatnonzero(~single))):
        batches = _batches(centers, chosen, kind)
        limits = [(bound[own.numbers] - own.sizes)[:, None].astype(kind) for own in batches]
        for start in range(0, len(points) if batches else 0, CELLS):
            block = points[start : start + CELLS]
            right = _right(block, kind)
            for own, limit in zip(batches, limits, strict=True):
                pairs = np.flatnonzero(own.left @ right <= limit)
                for first in range(0, len(pairs), PAIRS):
                    of, places = np.divmod(pairs[first : first + PAIRS], len(block))
                    of = own.numbers[of]
                    distances = np.square(centers[of] - block[places]).sum(axis=1)
                    # the point itself is no neighbour
                    near = (distances > 0) & (distances <= bound[of])
                    numbers.append(of[near])
                    squares.append(distances[near])
    return np.concatenate(numbers), np.concatenate(squares)


class _Batch:
    """
    Some centres as the left side of a product that is at most their squared distance from points, less their squared sizes.

    Parameters
    ----------
    centers
        All centres.
    numbers
        Those of the batch.
    kind
        Precision of the product.
    """

    def __init__(self, centers: np.ndarray, numbers: np.ndarray, kind: type[np.floating]) -> None:
        own = centers[numbers]
        self.numbers, self.left = numbers, np.column_stack([-2 * own, np.ones(len(own))]).astype(kind)
        self.sizes = np.square(own).sum(axis=1) * (1 - _margin(own.shape[1], kind))


def _batches(centers: np.ndarray, numbers: np.ndarray, kind: type[np.floating]) -> list[_Batch]:
    return [_Batch(centers, numbers[start : start + QUERIES], kind) for start in range(0, len(numbers), QUERIES)]


def _right(points: np.ndarray, kind: type[np.floating]) -> np.ndarray:
    """The other side: coordinates and squared sizes, less what is rounded."""
    sizes = np.square(points).sum(axis=1) * (1 - _margin(points.shape[1], kind))
    return np.column_stack([points, sizes]).astype(kind).T


def _margin(n_dims: int, kind: type[np.floating]) -> float:
    """Rounding of the product, and of the numbers in it, in units of the squared sizes of both points."""
    return 2 * (n_dims + 4) * float(np.finfo(kind).eps)
