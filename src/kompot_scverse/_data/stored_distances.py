"""Neighbour graphs in obsp."""

from typing import Any

import numpy as np
import scipy.sparse as sp


def stored_distances(data: Any, cells: np.ndarray) -> dict[str, sp.csr_array]:
    """
    Distances of neighbour graphs in memory, among some cells, by key; for cells of one row each.

    Parameters
    ----------
    data
        What has the cell states.
    cells
        Which cells take part.
    """
    found = {}
    for key in getattr(data, "obsp", {}):
        if not key.endswith("distances"):
            continue
        graph = data.obsp[key]
        if sp.issparse(graph) and graph.dtype.kind == "f":
            graph = sp.csr_array(graph)
            found[key] = graph if cells.all() else graph[cells][:, cells]
    return found
