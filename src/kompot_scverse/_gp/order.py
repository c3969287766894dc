"""An order of the cells that belongs to the data and not to the file."""

import numpy as np

__all__ = ["canonical_order"]


def canonical_order(x: np.ndarray) -> np.ndarray:
    """
    Row numbers in ascending order of the first column, ties of the second, and so on over all columns.

    Only rows that are equal in every column stay in the order they come in.

    Parameters
    ----------
    x
        Cells × columns, finite.
    """
    order = np.argsort(x[:, 0], kind="stable")
    first = x[order, 0]
    same = first[1:] == first[:-1]
    if same.any():
        # sorting all rows by all columns would take most of the time of a large analysis; ties are few
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        rows = order[tied]
        order[tied] = rows[np.lexsort(x[rows].T[::-1])]
    return order
