"""Approximate nearest neighbours by faiss, as close to the exact ones as asked for."""

import warnings
from types import ModuleType
from typing import Any

import numpy as np

from .parallel import limited_algebra
from .progress import progress_bar

MEAN_ERROR, LARGE_ERROR = 0.02, 0.1
"""Errors of a log density from the nearest neighbour that are allowed: on average, and of 99 of 100 points."""
N_CHECKED = 1000
"""Points whose neighbours are also searched exactly."""
BLOCK = 2**16
"""Points searched at a time."""
FIRST_PROBES = 8
TRAINED_PER_LIST, ROUNDS, SEED = 32, 8, 0

type GraphError = tuple[float, float]
"""Mean error of the log density, and what 99 of 100 points do not exceed."""


def has_faiss() -> bool:
    """Whether faiss can be imported."""
    from importlib.util import find_spec

    return find_spec("faiss") is not None


def approximate_graph(x: np.ndarray, k: int, d: float) -> tuple[np.ndarray, GraphError] | None:
    """
    Search the nearest neighbours in the cells of a Voronoi partition that are close to each point.

    The number of cells that are searched is doubled until the error is small enough for some points whose neighbours are known
    exactly. The linear algebra runs on one thread, since the order of its sums decides which of two cells is the closer one;
    the rest does not depend on the number of threads.

    Parameters
    ----------
    x
        Distinct points × dimensions, in an order that belongs to the data.
    k
        Number of neighbours.
    d
        Dimensionality of the manifold, by which errors of log distances become errors of log densities.

    Returns
    -------
    The numbers of the neighbours without the point itself, the closest first, -1 where fewer were found: points × k; and the error. None
    where an exact search is needed for errors as small as that.
    """
    faiss = _load_faiss()
    points = np.ascontiguousarray(x, dtype=np.float32)
    n_lists = max(1, int(4 * np.sqrt(len(x))))
    rows, ranks, exact = exact_ranks(x, k)
    with limited_algebra():
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(x.shape[1]), x.shape[1], n_lists)
        index.cp.seed, index.cp.niter, index.cp.max_points_per_centroid = SEED, ROUNDS, TRAINED_PER_LIST
        # fewer points than wished for are no reason to write to the terminal
        index.cp.min_points_per_centroid = 1
        index.train(points)
        index.add(points)
        index.nprobe = FIRST_PROBES
        while True:
            error = graph_error(x, rows, _search(index, points, rows, k), ranks, exact, d)
            if error[0] <= MEAN_ERROR and error[1] <= LARGE_ERROR:
                break
            if index.nprobe >= n_lists // 4:
                return None
            index.nprobe *= 2
        graph = np.empty((len(x), k), dtype=np.int32)
        with progress_bar(len(x), "neighbours", "cells") as advance:
            for start in range(0, len(x), BLOCK):
                block = np.arange(start, min(start + BLOCK, len(x)))
                graph[block] = _search(index, points, block, k)
                advance(len(block))
    return graph, error


def exact_ranks(x: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Points spread over the data, ranks of neighbours, and exact distances to the neighbours of these ranks: points × ranks.

    The ranks are the first (the nearest of all cells) and the middle one (about where the nearest cell of the own sample is).
    """
    from sklearn.neighbors import NearestNeighbors

    rows = np.unique(np.linspace(0, len(x) - 1, min(N_CHECKED, len(x))).astype(np.intp))
    ranks = np.unique([0, min(k, len(x) - 1) // 2])
    found = NearestNeighbors(n_neighbors=int(ranks[-1]) + 2, algorithm="brute", n_jobs=-1).fit(x).kneighbors(x[rows])[1]
    distances = _sorted_distances(x, rows, _without_self(found, rows))
    return rows, ranks, distances[:, ranks]


def graph_error(
    x: np.ndarray, rows: np.ndarray, neighbors: np.ndarray, ranks: np.ndarray, exact: np.ndarray, d: float
) -> GraphError:
    """
    Error that neighbours of some points make in the log density; the larger one of the ranks.

    Parameters
    ----------
    x
        Points × dimensions.
    rows
        Which of them have been searched.
    neighbors
        Numbers of what was found for them, -1 for none.
    ranks, exact
        As :func:`exact_ranks` returns them.
    d
        Dimensionality of the manifold.
    """
    distances = _sorted_distances(x, rows, neighbors)
    known = ranks[ranks < distances.shape[1]]
    # what has fewer neighbours than the rank is searched again for a sample: no error
    found = np.where(np.isinf(distances[:, known]), exact[:, : len(known)], distances[:, known])
    found[:, 0] = distances[:, 0]
    errors = d * np.abs(np.log(found / exact[:, : len(known)]))
    return float(errors.mean(axis=0).max()), float(np.quantile(errors, 0.99, axis=0, method="higher").max())


def _search(index: Any, points: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    found = index.search(points[rows], k + 1)[1]
    return _without_self(found, rows)


def _without_self(found: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Neighbours without the point itself; where it is not among them, without the last."""
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True
    return found[~own].reshape(len(found), -1)


def _sorted_distances(x: np.ndarray, rows: np.ndarray, neighbors: np.ndarray) -> np.ndarray:
    """Distances from the coordinates, ascending; infinite where there is no neighbour."""
    distances = np.sqrt(np.square(x[rows][:, None] - x[neighbors]).sum(axis=2))
    distances[neighbors < 0] = np.inf
    distances.sort(axis=1)
    return distances


def _load_faiss() -> ModuleType:
    try:
        with warnings.catch_warnings():
            # its wrapper classes have no module
            warnings.simplefilter("ignore", DeprecationWarning)
            import faiss
    except ImportError as error:
        raise ImportError(
            '`GPSettings(neighbors="approximate")` needs faiss: install `kompot-scverse[faiss]`, or faiss-cpu.'
        ) from error
    return faiss
