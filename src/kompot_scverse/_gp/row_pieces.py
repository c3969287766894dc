"""Rows of a compressed matrix, without a copy where they are neighbours."""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

VALUES = 2**16
"""Values of one piece: what is computed from them stays in the cache, and is no new memory each time."""


def row_pieces(indptr: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """
    Rows of about as many stored values each, and the places of these values; a long row is one piece.

    Parameters
    ----------
    indptr
        Of the csr matrix.
    """
    edges = [0, *np.flatnonzero(np.diff(indptr // VALUES)) + 1, len(indptr) - 1]
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        if last > first:
            yield slice(first, last), slice(int(indptr[first]), int(indptr[last]))


def csr_rows(values: sp.csr_array | sp.csr_matrix, rows: slice | np.ndarray) -> sp.csr_array:
    """
    Rows of a csr matrix: a view of the values where they follow each other, else a copy.

    Parameters
    ----------
    values
        The matrix.
    rows
        A slice, or the numbers of the rows.
    """
    if isinstance(rows, slice):
        start, stop, step = rows.indices(values.shape[0])
        stop = max(start, stop)
    else:
        start, step = int(rows[0]) if len(rows) else 0, 1
        stop = start + len(rows)
    if step != 1 or not (isinstance(rows, slice) or np.array_equal(rows, np.arange(start, stop))):
        return sp.csr_array(values[rows])
    first, last = values.indptr[[start, stop]]
    found = sp.csr_array((stop - start, values.shape[1]), dtype=values.dtype)
    # set one by one: the constructor copies what is less than half of another array
    found.data, found.indices = values.data[first:last], values.indices[first:last]
    found.indptr = values.indptr[start : stop + 1] - first
    return found
