"""False discovery rates: calibrated without and with signal, monotone, within bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest

from kompot_scverse._stats.fdr import compare_with_null

DISTANCES = arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 100, width=32))


def test_empirical_p():
    found = compare_with_null(np.array([0.5, 2.0, 3.0, 9.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_allclose(found.pvalue, [5 / 5, 4 / 5, 3 / 5, 1 / 5])


def test_ties_up_to_rounding_are_ties():
    """A gene whose null copies are as far but for rounding is no finding."""
    null = 0.7 * (1 + 1e-7 * np.random.default_rng(0).uniform(-1, 1, size=2000))
    found = compare_with_null(np.array([0.7 * (1 + 1e-7)]), null)
    assert found.pvalue == found.local_fdr == found.tail_fdr == 1


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_among_nulls(seed):
    rng = np.random.default_rng(seed)
    found = compare_with_null(rng.chisquare(8, size=4000), rng.chisquare(8, size=4000))
    assert kstest(found.pvalue, "uniform").pvalue > 1e-3
    assert found.null_share > 0.9
    assert (found.local_fdr <= 0.05).sum() <= 4
    assert (found.tail_fdr <= 0.05).sum() <= 4


@pytest.mark.parametrize("seed", range(5))
def test_rates_are_kept_and_signal_is_found(seed):
    rng = np.random.default_rng(seed)
    is_signal = np.arange(5000) < 1000
    distances = rng.chisquare(8, size=5000) + 25 * is_signal
    found = compare_with_null(distances, rng.chisquare(8, size=5000))
    assert found.null_share == pytest.approx(0.8, abs=0.05)
    for called, limit in ((found.tail_fdr <= 0.05, 0.07), (found.local_fdr <= 0.05, 0.05)):
        assert (~is_signal[called]).mean() <= limit
        assert is_signal[called].sum() > 900
    # the tail rate is the mean of the local one over the tail: called genes are the same or more
    assert (found.tail_fdr <= 0.05).sum() >= (found.local_fdr <= 0.05).sum()


@given(DISTANCES, DISTANCES)
@settings(max_examples=100, deadline=None)
def test_monotone_and_bounded(distances, null):
    found = compare_with_null(distances, null)
    order = np.argsort(distances)
    for rate in (found.pvalue, found.local_fdr, found.tail_fdr):
        assert ((rate >= 0) & (rate <= 1)).all()
        assert (np.diff(rate[order]) <= 1e-12).all()
    assert (found.pvalue > 0).all()
    assert 0 < found.null_share <= 1


@given(DISTANCES, DISTANCES, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_order_does_not_matter(distances, null, random):
    order = np.array(random.sample(range(len(distances)), len(distances)))
    a, b = compare_with_null(distances, null), compare_with_null(distances[order], null[::-1])
    np.testing.assert_allclose(a.local_fdr[order], b.local_fdr)
    np.testing.assert_allclose(a.tail_fdr[order], b.tail_fdr)


def test_genes_that_were_not_analysed():
    distances = np.array([np.nan, 1.0, np.nan, 7.0])
    null = np.random.default_rng(0).chisquare(3, size=100)
    found, without = compare_with_null(distances, null), compare_with_null(distances[[1, 3]], null)
    for name in ("pvalue", "local_fdr", "tail_fdr"):
        assert np.isnan(getattr(found, name)[[0, 2]]).all()
        np.testing.assert_array_equal(getattr(found, name)[[1, 3]], getattr(without, name))
    assert np.isnan(compare_with_null(np.full(3, np.nan), null).local_fdr).all()


def test_without_nulls():
    with pytest.raises(ValueError, match="No null genes"):
        compare_with_null(np.ones(3), np.array([]))
