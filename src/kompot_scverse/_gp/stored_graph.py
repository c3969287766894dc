"""A neighbour graph stored in obsp, if it is of the same representation."""

import numpy as np
import scipy.sparse as sp

from .distinct import DistinctPoints

N_COMPARED = 1000
"""Cells whose distances are compared."""
TOLERANCE = 1e-3
"""Relative difference of the distances; graphs are in single precision."""


def same_distances(graph: sp.csr_array, x: np.ndarray, scale: float) -> bool:
    """
    Whether the distances of a graph are those of the representation.

    Parameters
    ----------
    graph
        Distances of neighbours: cells × cells.
    x
        Cells × dimensions, in the frame.
    scale
        Unit of the frame.
    """
    rows = np.unique(np.linspace(0, len(x) - 1, min(N_COMPARED, len(x))).astype(np.intp))
    some = sp.coo_array(graph[rows])
    if some.nnz == 0:
        return False
    expected = scale * np.sqrt(np.square(x[rows[some.row]] - x[some.col]).sum(axis=1))
    return bool(np.allclose(some.data, expected, rtol=TOLERANCE, atol=TOLERANCE * float(np.median(expected))))


def points_graph(graph: sp.csr_array, points: DistinctPoints, k: int) -> np.ndarray:
    """
    Neighbours of every point, the closest first, -1 where there are fewer than `k`: points × k.

    Parameters
    ----------
    graph
        Distances of neighbours: cells × cells.
    points
        Points of the cells.
    k
        Number of neighbours that are kept of each point.
    """
    own = sp.coo_array(graph[points.rows])
    neighbors = points.labels[own.col]
    other = neighbors != own.row
    rows, neighbors, distances = own.row[other], neighbors[other], own.data[other]
    order = np.lexsort((neighbors, distances, rows))
    rows, neighbors = rows[order], neighbors[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    out = np.full((len(points), k), -1, dtype=np.int32)
    kept = place < k
    out[rows[kept], place[kept]] = neighbors[kept]
    return out
