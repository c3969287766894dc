"""Connected groups of cells that change in the same direction."""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components


def connected_groups(x: np.ndarray, directions: np.ndarray, n_neighbors: int, min_cells: int) -> np.ndarray:
    """
    Groups of cells of one direction that neighbours connect, numbered by size within the direction from 1; 0 for none.

    The neighbours are looked for among all cells, so that two groups with unchanged cells between them stay apart.

    Parameters
    ----------
    x
        Representation: cells × dimensions.
    directions
        −1, 0 or 1 for each cell; 0 is in no group.
    n_neighbors
        Nearest cells that a cell is connected with, if they have its direction.
    min_cells
        Cells that a group needs.
    """
    from sklearn.neighbors import NearestNeighbors

    found = np.zeros(len(x), dtype=np.intp)
    rows = np.flatnonzero(directions)
    if len(rows) == 0:
        return found
    n = min(n_neighbors + 1, len(x))
    neighbors = NearestNeighbors(n_neighbors=n).fit(x).kneighbors(x[rows], return_distance=False)
    first, second = np.repeat(rows, n), neighbors.ravel()
    same = directions[first] == directions[second]
    edges = csr_array((np.ones(same.sum(), dtype=bool), (first[same], second[same])), shape=(len(x), len(x)))
    labels = connected_components(edges, directed=False)[1]
    for side in (-1, 1):
        own = labels[directions == side]
        sizes = np.bincount(own, minlength=labels.max() + 1)
        # of two of one size, the one with the first cell
        order = [label for label in np.argsort(-sizes, kind="stable") if sizes[label] >= max(min_cells, 1)]
        for number, label in enumerate(order, start=1):
            found[(directions == side) & (labels == label)] = number
    return found
