"""Rows at equal depth: which change, and into what."""

import numpy as np
import pytest
import scipy.sparse as sp

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp import row_pieces
from kompot_scverse._stats.equal_depth import EqualDepthReader
from kompot_scverse._stats.thinning import TABULATED, Thinning


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    return np.random.default_rng(0).poisson(2.0, size=(40, 12))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("scale", [1.0, np.log(2)])
def test_values_are_those_of_the_counts(counts, container, dtype, scale):
    rng = np.random.default_rng(1)
    unit, share = rng.uniform(0.5, 20, 40), np.where(np.arange(40) % 4 == 0, 1, rng.uniform(0.1, 1, 40))
    y = (np.log1p(counts * unit[:, None]) / scale).astype(dtype)
    reader = EqualDepthReader(matrix_reader(container(y), None, "X"), unit, share, scale)
    rows, columns = np.nonzero(counts)
    expected = np.zeros(counts.shape)
    expected[rows, columns] = Thinning(unit, share).few(counts[rows, columns], rows) / scale
    everything, some = reader.read(slice(None)), np.array([3, 4, 30])
    assert everything.dtype == dtype
    np.testing.assert_allclose(sp.csr_array(everything).toarray(), expected, rtol=1e-5)
    np.testing.assert_allclose(sp.csr_array(reader.read(some)).toarray(), expected[some], rtol=1e-5)
    piece = reader.piece(some)
    assert piece.shape == (3, 12)
    np.testing.assert_allclose(sp.csr_array(piece.read(slice(None))).toarray(), expected[some], rtol=1e-5)


def test_large_counts_are_found_in_all_pieces_of_the_rows(monkeypatch):
    monkeypatch.setattr(row_pieces, "VALUES", 40)
    counts = np.random.default_rng(2).poisson(28.0, size=(30, 12))
    unit, share = np.full(30, 2.0), np.where(np.arange(30) % 3 == 0, 1, 0.4)
    reader = EqualDepthReader(matrix_reader(np.log1p(counts * 2.0), None, "X"), unit, share, 1.0)
    expected, rows = np.zeros(counts.shape), np.indices(counts.shape)[0]
    large, thinning = counts > TABULATED, Thinning(unit, share)
    expected[~large] = thinning.few(counts[~large], rows[~large])
    expected[large] = thinning.many(counts[large], rows[large])
    np.testing.assert_allclose(sp.csr_array(reader.read(slice(None))).toarray(), expected, rtol=1e-12)


def test_rows_that_keep_all_counts_are_not_touched(counts):
    y = np.where(counts > 0, counts + 0.123, 0)
    unit = np.where(np.arange(40) < 20, 1.0, np.nan)
    reader = EqualDepthReader(matrix_reader(y, None, "X"), unit, np.where(np.arange(40) < 20, 1.0, 0.5), 1.0)
    np.testing.assert_array_equal(reader.read(slice(None)), y)
