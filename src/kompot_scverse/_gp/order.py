"""An order of the cells that depends on their coordinates, not on the file."""

import numpy as np

from .points import Points


def canonical_order(x: np.ndarray | Points, rows: np.ndarray | None = None) -> np.ndarray:
    """
    Row numbers in ascending order of the first column, ties of the second, and so on over all columns.

    Only rows that are equal in every column stay in the order they come in.

    Parameters
    ----------
    x
        Cells × columns, finite where they are chosen.
    rows
        Numbers of the rows to order; None for all. What is returned is positions among them.
    """
    column = x[:, 0] if rows is None else x[rows, 0]
    order = np.argsort(column, kind="stable")
    first = column[order]
    same = first[1:] == first[:-1]
    if same.any():
        # sorting all rows by all columns would take most of the time of a large analysis; ties are few
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        positions = order[tied]
        own = x[positions if rows is None else rows[positions]]
        order[tied] = positions[np.lexsort(own.T[::-1])]
    return order
