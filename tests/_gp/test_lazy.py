"""Arrays as dask arrays: the same values, and the same memory."""

import numpy as np
import pytest

from kompot_scverse._gp.lazy import as_dask


@pytest.mark.parametrize(
    ("shape", "chunks"), [((25, 4), (10, 4)), ((5, 3, 2), (2, -1, -1)), ((7,), (7,)), ((0, 3), (5, 3))]
)
def test_chunks_are_views(shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    lazy = as_dask(values, chunks)
    assert lazy.shape == shape
    assert lazy.dtype == values.dtype
    np.testing.assert_array_equal(lazy.compute(), values)
    parts = [block for block in lazy.dask.to_dict().values() if isinstance(block, np.ndarray)]
    assert len(parts) == lazy.npartitions
    assert all(np.shares_memory(part, values) for part in parts if part.size)
    assert as_dask(values, chunks).name != lazy.name
