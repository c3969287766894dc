"""Lazy layers are the dense formulas, chunk by chunk."""

import dask.array as da
import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import norm

from kompot_scverse._stats import lazy_layers
from kompot_scverse._stats.lazy_layers import (
    Layer,
    lazy_average,
    lazy_lfsr,
    lazy_mixture_std,
    lazy_product,
    lazy_ratio,
    lazy_std,
    rows_of_chunk,
)


@pytest.fixture
def arrays(monkeypatch):
    """23 cells × 4 features and 11 genes, in several chunks of cells."""
    monkeypatch.setattr(lazy_layers, "BYTES", 10 * 4 * 11)
    rng = np.random.default_rng(0)
    return rng.normal(size=(23, 4)).astype(np.float32), rng.normal(size=(11, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "part",
    [
        np.s_[:, :], np.s_[15:20, 3:7], np.s_[:, 5], np.s_[22], np.s_[3, 4], np.s_[::-2, [7, 1]], np.s_[[21, 0, 5]],
        np.s_[5:15:3, -2],
    ],
    ids=str,
)  # fmt: skip
def test_product_and_its_parts(arrays, part):
    phi, weights = arrays
    layer = lazy_product(phi, weights).lazy()
    assert (layer.shape, layer.dtype) == ((23, 11), np.float32)
    assert layer.chunks == ((10, 10, 3), (11,))
    np.testing.assert_allclose(layer[part].compute(), (phi @ weights.T)[part], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("part", "n"), [(np.s_[:, 5], 1), (np.s_[:, 3:7], 4), (np.s_[12:14], 11)])
def test_reading_some_genes_computes_no_others(arrays, part, n):
    phi, weights = arrays
    computed = []

    def count(phi, weights):
        computed.append((len(phi), len(weights)))
        return phi @ weights.T

    layer = Layer(count, (phi,), (weights,))
    change = lazy_lfsr(layer, lazy_product(phi, weights)).lazy()
    change[part].compute()
    assert {genes for _, genes in computed} == {n}
    assert sum(cells for cells, _ in computed) == (2 if n == 11 else 23)


def test_chunks_stay_small():
    assert rows_of_chunk(500) == 8192
    assert rows_of_chunk(0) == 8192
    for n in (2_000, 16_285, 60_000):
        assert 0.8 * lazy_layers.BYTES < rows_of_chunk(n) * n * 4 <= lazy_layers.BYTES or rows_of_chunk(n) == 8192
    assert rows_of_chunk(10**9) == 1


def test_sparse_and_computed_cells(arrays):
    phi, weights = arrays
    sparse = csr_array(np.where(np.abs(phi) > 0.5, phi, 0))
    expected = lazy_average(sparse.toarray(), weights).lazy()
    np.testing.assert_allclose(np.asarray(lazy_average(sparse, weights).lazy()), np.asarray(expected))


def test_standard_deviation_with_replicates(arrays):
    phi, _ = arrays
    factor = np.random.default_rng(1).normal(size=(11, 4, 3)).astype(np.float32)
    variance = np.linspace(0.1, 2, 23)
    between = np.einsum("cr,grk->cgk", phi, factor)
    expected = np.sqrt(variance[:, None] + (between**2).sum(axis=2))
    for given in (factor, da.from_array(factor, chunks=(3, -1, -1))):
        np.testing.assert_allclose(np.asarray(lazy_std(phi, given, variance).lazy()), expected, rtol=1e-4)


def test_averages_leave_out_what_was_not_tested(arrays):
    weights, values = np.abs(arrays[0]), arrays[1].copy()
    values[2, 1], values[5] = np.nan, np.nan
    found = np.asarray(lazy_average(weights, values).lazy())
    kept = [0, 2, 3]
    np.testing.assert_allclose(
        found[:, 2], weights[:, kept] @ values[2, kept] / weights[:, kept].sum(axis=1), rtol=1e-5
    )
    np.testing.assert_allclose(found[:, 0], weights @ values[0] / weights.sum(axis=1), rtol=1e-5, atol=1e-6)
    assert np.isnan(found[:, 5]).all()


def test_mixture_ratio_and_false_sign_rate(arrays):
    forms, loads = (np.abs(one) for one in arrays)
    std, change = lazy_mixture_std(forms, loads), lazy_product(*arrays)
    expected = np.sqrt(forms @ loads.T)
    np.testing.assert_allclose(np.asarray(std.lazy()), expected, rtol=1e-5)
    z = arrays[0] @ arrays[1].T / expected
    np.testing.assert_allclose(np.asarray(lazy_ratio(change, std).lazy()), z, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(np.asarray(lazy_lfsr(change, std).lazy()), norm.sf(np.abs(z)), rtol=1e-3, atol=1e-6)


def test_no_change_and_no_variance_is_a_z_of_0(arrays):
    nothing = lazy_product(arrays[0], np.zeros((11, 4), dtype=np.float32))
    assert (np.asarray(lazy_ratio(nothing, nothing).lazy()) == 0).all()
