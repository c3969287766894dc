"""Whether nearest neighbours are searched exactly, found by an index, or taken from a graph that is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from kompot_scverse._messages import logger

from .distinct import DistinctPoints
from .neighbor_index import LARGE_ERROR, MEAN_ERROR, approximate_graph, exact_ranks, graph_error, has_faiss
from .neighbor_sets import NeighborSets, set_distances
from .neighbors import fractal_dimension, point_distances
from .stored_graph import points_graph, same_distances

LARGE = 20_000
"""Points from which on "auto" does not search exactly: an index is faster from there on, also with its check."""
PER_SET, FEWEST, MOST = 4, 16, 64
"""Neighbours of each point: for each set (so that few have none of their own), at least and at most."""


@dataclass(frozen=True)
class NeighborRequest:
    """What the nearest-neighbour distances of all cells are needed for."""

    n_sets: int
    """Sets within which distances are needed, too."""
    stored: Mapping[str, sp.csr_array] = field(default_factory=dict)
    """Graphs of distances between the pooled cells, by name."""

    @property
    def k(self) -> int:
        """Neighbours that are looked for."""
        return int(np.clip(PER_SET * self.n_sets, FEWEST, MOST))


def neighbor_sets(
    x: np.ndarray, points: DistinctPoints, request: NeighborRequest, how: str, scale: float
) -> NeighborSets:
    """
    Distance of every cell to the nearest at another point, and what those within sets come from.

    Parameters
    ----------
    x
        Pooled cells × dimensions, in the frame.
    points
        Their points.
    request
        Sets and graphs.
    how
        "exact", "approximate" or "auto".
    scale
        Unit of the frame.
    """
    own = x[points.rows]
    if how == "approximate" or (how == "auto" and len(points) > LARGE):
        found = _from_graph(x, own, points, request, how, scale)
        if found is not None:
            return found
    return NeighborSets(points, point_distances(own)[points.labels])


def _from_graph(
    x: np.ndarray, own: np.ndarray, points: DistinctPoints, request: NeighborRequest, how: str, scale: float
) -> NeighborSets | None:
    """Distances from a stored graph or an index; None where neither is good enough."""
    k, d = min(request.k, len(points) - 1), fractal_dimension(own)
    graph, source, error = None, "", (0.0, 0.0)
    for name, stored in request.stored.items():
        if graph is None and same_distances(stored, x, scale):
            graph, source = points_graph(stored, points, k), f"obsp[{name!r}]"
            rows, ranks, exact = exact_ranks(own, k)
            error = graph_error(own, rows, graph[rows], ranks, exact, d)
            if error[0] > MEAN_ERROR or error[1] > LARGE_ERROR:
                logger.info(
                    "Neighbours of %s are not used: log densities would be off by %.2g on average.", source, error[0]
                )
                graph = None
    if graph is None and (how == "approximate" or has_faiss()):
        source = "faiss"
        graph, error = approximate_graph(own, k, d) or (None, error)
    if graph is None:
        reason = (
            "no fast search is exact enough"
            if source == "faiss"
            else "install `kompot-scverse[faiss]` for a fast search"
        )
        logger.info("Nearest neighbours of %s cells are searched exactly (%s).", f"{len(points):,}", reason)
        return None
    logger.info(
        "Nearest neighbours of %s cells from %s: the log density of one neighbour is off by %.2g on average, at most %.2g for 99 %% "
        "of the cells.", f"{len(points):,}", source, *error,
    )  # fmt: skip
    pooled = set_distances(x, points, graph, np.arange(len(points)))[points.labels]
    return NeighborSets(points, pooled, graph, source, error)
