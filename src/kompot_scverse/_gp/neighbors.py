"""Exact nearest-neighbour distances and the local dimensionality of a point cloud."""

from typing import TYPE_CHECKING

import numpy as np

from .distinct import RESOLUTION, DistinctPoints, distinct_points
from .near_points import near_distances
from .points import Points
from .progress import progress_bar

if TYPE_CHECKING:
    from sklearn.neighbors import NearestNeighbors

MAX_DIMENSION = 50
"""Beyond this, volumes r^d under- and overflow (the limit is mellon's)."""

NEAR_COPY, CLOSE = 1e-2, 3e-2
"""Where the nearest point is closer than the first part of the distance to the tenth for most points, they are taken for copies
with noise, and what is closer than the second part for one point. Of points on a line, the smallest real dimension, the usual
part is 0.07."""
BLOCK = 16_384
"""Points whose neighbours are searched at a time."""
MIN_POINTS, MAX_LOOKED_AT = 40, 500


def separate_points(x: np.ndarray | Points) -> tuple[DistinctPoints, bool]:
    """
    Points that say something about the distance between cell states: without copies, also those with a little noise.

    Parameters
    ----------
    x
        Cells × dimensions, in a frame (:func:`fit_frame`).

    Returns
    -------
    The points, and whether most of the cells nearly coincide with another one.
    """
    points = distinct_points(x)
    if len(points) < MIN_POINTS:
        return points, False
    looked_at = np.unique(np.linspace(0, len(points) - 1, min(len(points), MAX_LOOKED_AT)).astype(np.intp))
    distances = near_distances(x, points.rows, looked_at, 10)
    near = float(np.median(distances[:, 0] / distances[:, 9])) < NEAR_COPY
    if near:
        points = distinct_points(x, max(RESOLUTION, CLOSE * float(np.median(distances[:, 9]))))
    return points, near


def nearest_neighbor_distances(x: np.ndarray) -> np.ndarray:
    """
    Euclidean distance of each cell to the nearest cell at another point, exact; 0 where all cells are at one point.

    Parameters
    ----------
    x
        Cells × dimensions, in a frame (:func:`fit_frame`).
    """
    points, _ = separate_points(x)
    return point_distances(x[points.rows])[points.labels]


def point_distances(points: np.ndarray, queries: np.ndarray | None = None) -> np.ndarray:
    """
    Distance of each point to the nearest other one.

    Parameters
    ----------
    points
        Distinct points × dimensions.
    queries
        Numbers of the points to answer for; None for all.
    """
    rows = np.arange(len(points)) if queries is None else queries
    if len(points) == 1:
        return np.zeros(len(rows))
    found, index = np.empty((len(rows), 2), dtype=np.intp), _index(points)
    with progress_bar(len(rows), "neighbours", "cells") as advance:
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            found[start : start + BLOCK] = index.kneighbors(points[block], 2)[1]
            advance(len(block))
    # the first neighbour is the point itself, unless one that is close comes first
    neighbor = np.where(found[:, 0] == rows, found[:, 1], found[:, 0])
    # matrix-product distances cancel for close points, so the distance is taken from the coordinates again
    return np.sqrt(np.square(points[rows] - points[neighbor]).sum(axis=1))


def fractal_dimension(x: np.ndarray, k: int = 10, n_queries: int = 500, seed: int = 432) -> float:
    """
    Mean local fractal dimension around `n_queries` points, mellon's `compute_d_factal`.

    Around a point, the number of pairs among its `k` nearest points that are closer than `r` grows as `r^d`; `d` is the
    slope of log rank on log distance. Written in closed form, since compiling mellon's regressions takes longer than
    all the rest of a small analysis. The points that are queried are a property of the data, not of their order; cells at
    one point are one.

    Parameters
    ----------
    x
        Cells × dimensions, in a frame (:func:`fit_frame`).
    """
    x = x[separate_points(x)[0].rows]
    queries = np.arange(len(x))
    if len(x) > n_queries:
        queries = np.random.default_rng(seed).choice(len(x), n_queries, replace=False)
    k = min(k, len(x))
    neighbors = x[_neighbors(x, queries, k)]
    i, j = np.triu_indices(k, 1)
    distance = np.sort(np.linalg.norm(neighbors[:, i] - neighbors[:, j], axis=2), axis=1)
    slopes = np.empty(0)
    if distance.shape[1]:
        log_distance, log_rank = np.log(distance), np.log(np.arange(1, distance.shape[1] + 1))
        dx = log_distance - log_distance.mean(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            slopes = (dx @ (log_rank - log_rank.mean())) / np.square(dx).sum(axis=1)
        slopes = slopes[np.isfinite(slopes)]
    if slopes.size == 0 or slopes.mean() <= 0:
        raise ValueError(
            f"The dimensionality of the representation cannot be estimated from {len(x)} distinct cell states; at least 3 at "
            "different distances are needed. Pass another `use_rep=`."
        )
    d = float(slopes.mean())
    if d > MAX_DIMENSION:
        raise ValueError(
            f"The local dimensionality of the representation is {d:.0f}, too high for a density estimate. "
            "Use a representation of fewer dimensions (a diffusion map, or the leading principal components)."
        )
    return d


def _neighbors(x: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """Numbers of the `k` nearest points of some, themselves included, in ascending distance."""
    return _index(x).kneighbors(x[rows], k)[1]


def _index(x: np.ndarray) -> "NearestNeighbors":
    from sklearn.neighbors import NearestNeighbors

    # trees beat the (threaded) matrix product only in few dimensions
    return NearestNeighbors(algorithm="kd_tree" if x.shape[1] <= 8 else "brute", n_jobs=-1).fit(x)
