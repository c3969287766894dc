"""Sums of the rows of an array by the codes of the rows."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array


def sums_by_code(rows: Any, codes: Any, n: int) -> Any:
    """Sums of the rows of each code from 0 to n - 1, in double precision, of arrays of numpy or of jax."""
    if not isinstance(rows, np.ndarray):
        import jax

        return jax.ops.segment_sum(rows, codes, n)
    indicator = csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(n, len(codes)))
    return indicator @ rows
