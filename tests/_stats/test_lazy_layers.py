"""Lazy layers are the dense formulas, chunk by chunk."""

import numpy as np
import pytest
from scipy.stats import norm

from kompot_scverse._stats import lazy_layers
from kompot_scverse._stats.lazy_layers import (
    lazy_average,
    lazy_lfsr,
    lazy_mixture_std,
    lazy_product,
    lazy_ratio,
    lazy_std,
)


@pytest.fixture
def arrays(monkeypatch):
    """23 cells × 4 features and 11 genes, in several chunks of cells and genes."""
    monkeypatch.setattr(lazy_layers, "CELLS", 10)
    monkeypatch.setattr(lazy_layers, "GENES", 4)
    rng = np.random.default_rng(0)
    return rng.normal(size=(23, 4)).astype(np.float32), rng.normal(size=(11, 4)).astype(np.float32)


def test_product_and_its_parts(arrays):
    phi, weights = arrays
    layer = lazy_product(phi, weights)
    assert layer.npartitions == 9
    np.testing.assert_allclose(np.asarray(layer), phi @ weights.T, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.asarray(layer[15:20, 3:7]), phi[15:20] @ weights[3:7].T, rtol=1e-5, atol=1e-6)


def test_standard_deviation_with_replicates(arrays):
    phi, _ = arrays
    factor = np.random.default_rng(1).normal(size=(11, 4, 3)).astype(np.float32)
    variance = np.linspace(0.1, 2, 23)
    between = np.einsum("cr,grk->cgk", phi, factor)
    expected = np.sqrt(variance[:, None] + (between**2).sum(axis=2))
    np.testing.assert_allclose(np.asarray(lazy_std(phi, factor, variance)), expected, rtol=1e-4)


def test_averages_leave_out_what_was_not_tested(arrays):
    weights, values = np.abs(arrays[0]), arrays[1].copy()
    values[2, 1], values[5] = np.nan, np.nan
    found = np.asarray(lazy_average(weights, values))
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
    np.testing.assert_allclose(np.asarray(std), expected, rtol=1e-5)
    z = arrays[0] @ arrays[1].T / expected
    np.testing.assert_allclose(np.asarray(lazy_ratio(change, std)), z, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(np.asarray(lazy_lfsr(change, std)), norm.sf(np.abs(z)), rtol=1e-3, atol=1e-6)


def test_no_change_and_no_variance_is_a_z_of_0(arrays):
    nothing = lazy_product(arrays[0], np.zeros((11, 4), dtype=np.float32))
    assert (np.asarray(lazy_ratio(nothing, nothing)) == 0).all()
