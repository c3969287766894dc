"""Arrays as dask arrays: the same values, and the same memory."""

import numpy as np
import pytest
import scipy.sparse as sp

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


def test_sparse_chunks_are_dense_when_computed() -> None:
    values = sp.random_array((25, 4), density=0.3, format="csr", dtype=np.float32, rng=0)
    lazy = as_dask(values, (10, 4))
    assert (lazy.shape, lazy.dtype) == (values.shape, np.float32)
    np.testing.assert_array_equal(lazy[3:18].compute(), values.toarray()[3:18])
