"""Exact nearest-neighbour distances and the local dimensionality of a point cloud."""

import numpy as np

__all__ = ["fractal_dimension", "nearest_neighbor_distances"]

MAX_DIMENSION = 50
"""Beyond this, volumes r^d under- and overflow (the limit is mellon's)."""


def nearest_neighbor_distances(x: np.ndarray, queries: np.ndarray | None = None) -> np.ndarray:
    """
    Euclidean distance of each cell to its nearest other cell, exact.

    Parameters
    ----------
    x
        Cells × dimensions.
    queries
        Row numbers to answer for; None for all rows.

    Returns
    -------
    Distances, 0 for exact duplicates.
    """
    from sklearn.neighbors import NearestNeighbors

    points = x if queries is None else x[queries]
    rows = np.arange(len(x)) if queries is None else queries
    found = NearestNeighbors(n_neighbors=2, algorithm=_algorithm(x), n_jobs=-1).fit(x).kneighbors(points)[1]
    # the first neighbour is the cell itself, unless a duplicate comes first
    neighbor = np.where(found[:, 0] == rows, found[:, 1], found[:, 0])
    # matrix-product distances cancel for close points, so the distance is taken from the coordinates again
    return np.sqrt(((points - x[neighbor]).astype(np.float64) ** 2).sum(axis=1))


def fractal_dimension(x: np.ndarray, k: int = 10, n_queries: int = 500, seed: int = 432) -> float:
    """
    Mean local fractal dimension around `n_queries` cells, mellon's `compute_d_factal`.

    Around a cell, the number of pairs among its `k` nearest cells that are closer than `r` grows as `r^d`; `d` is the
    slope of log rank on log distance. Written in closed form, since compiling mellon's regressions takes longer than
    all the rest of a small analysis. The queried cells are a property of the data, not of their order.

    Parameters
    ----------
    x
        Cells × dimensions.
    """
    from sklearn.neighbors import NearestNeighbors

    queries = np.arange(len(x))
    if len(x) > n_queries:
        order = np.lexsort(x.T[:2][::-1])
        queries = order[np.random.default_rng(seed).choice(len(x), n_queries, replace=False)]
    k = min(k, len(x))
    neighbors = x[NearestNeighbors(n_neighbors=k, algorithm=_algorithm(x)).fit(x).kneighbors(x[queries])[1]]
    i, j = np.triu_indices(k, 1)
    distance = np.sort(np.linalg.norm((neighbors[:, i] - neighbors[:, j]).astype(np.float64), axis=2), axis=1)
    # duplicates have no log distance: weight 0
    weight = (distance > 0).astype(np.float64)
    total = weight.sum(axis=1, keepdims=True)
    log_distance = np.log(np.where(distance > 0, distance, 1.0))
    log_rank = np.log(np.arange(1, distance.shape[1] + 1))[None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        dx = log_distance - (weight * log_distance).sum(axis=1, keepdims=True) / total
        dy = log_rank - (weight * log_rank).sum(axis=1, keepdims=True) / total
        slopes = (weight * dx * dy).sum(axis=1) / (weight * dx**2).sum(axis=1)
    slopes = slopes[np.isfinite(slopes)]
    if slopes.size == 0 or slopes.mean() <= 0:
        raise ValueError("The dimensionality of the representation cannot be estimated: too few distinct cells.")
    d = float(slopes.mean())
    if d > MAX_DIMENSION:
        raise ValueError(
            f"The local dimensionality of the representation is {d:.0f}, too high for a density estimate. "
            "Use a representation of fewer dimensions (a diffusion map, or the leading principal components)."
        )
    return d


def _algorithm(x: np.ndarray) -> str:
    """Trees beat the (threaded) matrix product only in few dimensions."""
    return "kd_tree" if x.shape[1] <= 8 else "brute"
