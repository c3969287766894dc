"""Sums of rows by code."""

import jax
import numpy as np

from kompot_scverse._gp.sums_by_code import sums_by_code


def test_sums_of_rows_of_numpy_and_of_jax():
    rows, codes = np.arange(12.0).reshape(6, 2), np.array([0, 2, 2, 0, 3, 0])
    expected = np.array([rows[codes == code].sum(axis=0) for code in range(5)])
    np.testing.assert_array_equal(sums_by_code(rows, codes, 5), expected)
    np.testing.assert_array_equal(sums_by_code(jax.numpy.asarray(rows), codes, 5), expected)
