"""The canonical order belongs to the data."""

import numpy as np
import pytest

from kompot_scverse._gp.order import canonical_order


@pytest.mark.parametrize("levels", [2, 5, 10**9])
@pytest.mark.parametrize("columns", [1, 2, 4])
def test_is_lexicographic(levels, columns):
    x = np.random.default_rng(0).integers(levels, size=(300, columns)).astype(float)
    expected = sorted(range(300), key=lambda row: (*x[row], row))
    np.testing.assert_array_equal(canonical_order(x), expected)


def test_order_of_the_file_does_not_matter():
    """Cells that differ in the last coordinate alone."""
    rng = np.random.default_rng(1)
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 4), axis=-1).reshape(-1, 4)
    shuffled = grid[rng.permutation(len(grid))]
    np.testing.assert_array_equal(shuffled[canonical_order(shuffled)], grid[canonical_order(grid)])
