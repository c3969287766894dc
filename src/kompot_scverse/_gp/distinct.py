"""Distinct points among cells of which some coincide."""

from dataclasses import dataclass

import numpy as np

from .order import canonical_order
from .points import Points, columns_of

RESOLUTION = 1e-6
"""Distance up to which cells are one point, in units of the frame: a copy that went through single precision is one."""


@dataclass(frozen=True)
class DistinctPoints:
    """Points, and which of them every cell is at."""

    rows: np.ndarray
    """A cell of every point, in canonical order."""
    labels: np.ndarray
    """Number of the point of every cell."""

    def __len__(self) -> int:
        return len(self.rows)


def distinct_points(x: np.ndarray | Points, resolution: float = RESOLUTION) -> DistinctPoints:
    """
    Find the cells that are at one point.

    Cells that no gap in any coordinate separates are candidates; in a cloud so dense that these are chains wider than a
    point, the cells of one cube of the size of the resolution count as one.

    Parameters
    ----------
    x
        Cells × dimensions, in units of the frame.
    resolution
        Distance up to which cells are one point.
    """
    order = canonical_order(x)
    group = np.zeros(len(x), dtype=np.intp)
    # cells in groups of several; one coordinate after the other splits them
    rows = order
    number = 1
    for column in columns_of(x):
        rows = rows[np.lexsort((column[rows], group[rows]))]
        values, of = column[rows], group[rows]
        starts = np.append(True, (of[1:] != of[:-1]) | (values[1:] - values[:-1] > resolution))
        group[rows] = number + np.cumsum(starts)
        number += len(rows) + 1
        sizes = np.diff(np.append(np.flatnonzero(starts), len(rows)))
        rows = rows[np.repeat(sizes, sizes) > 1]
        if len(rows) == 0:
            break
    if len(rows):
        group[rows] = number + _split_wide(x, rows, group[rows], resolution)
    _, first, labels = np.unique(group[order], return_index=True, return_inverse=True)
    # numbered in canonical order of their first cells
    rank = np.argsort(first)
    renumbered = np.empty(len(rank), dtype=np.intp)
    renumbered[rank] = np.arange(len(rank))
    of_cells = np.empty(len(x), dtype=np.intp)
    of_cells[order] = renumbered[labels]
    return DistinctPoints(order[first[rank]], of_cells)


def _split_wide(x: np.ndarray | Points, rows: np.ndarray, group: np.ndarray, resolution: float) -> np.ndarray:
    """Numbers of groups, of which those wider than a point are cut into cubes."""
    _, group = np.unique(group, return_inverse=True)
    n = group.max() + 1
    wide = np.zeros(n, dtype=bool)
    for column in x[rows].T:
        low, high = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(low, group, column)
        np.maximum.at(high, group, column)
        wide |= high - low > 2 * resolution
    inside = wide[group]
    if inside.any():
        cubes = np.column_stack([group[inside], np.floor(x[rows[inside]] / resolution)])
        group[inside] = n + np.unique(cubes, axis=0, return_inverse=True)[1].ravel()
    return group
