"""Nearest-neighbour distances among all cells and within sets of them, exact or from one graph."""

from dataclasses import dataclass

import numpy as np

from .distinct import DistinctPoints
from .neighbors import nearest_neighbor_distances, point_distances

BLOCK = 2**16
"""Points looked at at a time."""


@dataclass(frozen=True)
class NeighborSets:
    """Distances of the pooled cells to the nearest cell at another point."""

    points: DistinctPoints
    """Points of the pooled cells."""
    pooled: np.ndarray
    """Distance of every cell to the nearest of all."""
    graph: np.ndarray | None = None
    """Neighbours of every point, the closest first, -1 for none; None where distances are exact."""
    source: str = "exact"
    """Where they come from: "exact", "faiss", or the key of a graph in obsp."""
    error: tuple[float, float] = (0.0, 0.0)
    """Error of a log density from the nearest neighbour, on average and for 99 of 100 cells."""

    def within(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """
        Distance of each cell of a set to the nearest of the set at another point; 0 where all are at one point.

        Parameters
        ----------
        x
            Pooled cells × dimensions, in the frame.
        rows
            Numbers of the cells of the set.
        """
        if self.graph is None:
            return nearest_neighbor_distances(x[rows])
        own, labels = np.unique(self.points.labels[rows], return_inverse=True)
        return set_distances(x, self.points, self.graph, own)[labels]


def set_distances(x: np.ndarray, points: DistinctPoints, graph: np.ndarray, own: np.ndarray) -> np.ndarray:
    """
    Distances of the points `own` (ascending numbers) to the nearest of them; those without one in the graph are searched exactly.

    Parameters
    ----------
    x
        Pooled cells × dimensions, in the frame.
    points
        Their points.
    graph
        Neighbours of every point, the closest first, -1 for none.
    own
        Numbers of the points of a set.
    """
    if len(own) == 1:
        return np.zeros(1)
    nearest = first_in_set(graph, own, len(points))
    places = points.rows[own]
    alone = np.flatnonzero(nearest < 0)
    # distances of coordinates, which do not cancel and do not depend on who found the neighbour
    distances = np.sqrt(np.square(x[places] - x[points.rows[nearest]]).sum(axis=1))
    if len(alone):
        distances[alone] = point_distances(x[places], alone)
    return distances


def first_in_set(graph: np.ndarray, own: np.ndarray, n: int) -> np.ndarray:
    """The closest neighbour of each point of a set that is in the set, -1 where the graph has none."""
    # -1 finds the last entry, which is in no set
    inside = np.zeros(n + 1, dtype=bool)
    inside[own] = True
    nearest = np.empty(len(own), dtype=np.intp)
    for start in range(0, len(own), BLOCK):
        neighbors = graph[own[start : start + BLOCK]]
        found = inside[neighbors]
        first = found.argmax(axis=1)
        rows = np.arange(len(neighbors))
        nearest[start : start + BLOCK] = np.where(found[rows, first], neighbors[rows, first], -1)
    return nearest
