"""Running medians against numpy's medians of single bins and its interpolation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kompot_scverse._stats.running_median import running_median


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(5, 40))
def test_medians_of_bins_joined_by_lines(seed: int, bins: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    covariate, values = rng.normal(size=bins * size), rng.normal(size=(3, bins * size))
    order = np.argsort(covariate).reshape(bins, size)
    centers = [np.median(covariate[b]) for b in order]
    expected = [np.interp(covariate, centers, [np.median(row[b]) for b in order]) for row in values]
    np.testing.assert_allclose(running_median(covariate, values, bins), expected, atol=1e-12)


@pytest.mark.parametrize("n", [1, 7, 100, 101, 119])
def test_every_value_counts_whatever_the_number(n: int) -> None:
    """Only one value is not zero and it has a bin of its own: its bin's median is it."""
    for place in range(n):
        values = np.arange(n)[None] == place
        assert (running_median(np.arange(n).astype(float), values.astype(float), n) == values).all()


def test_equal_covariates_give_finite_curves() -> None:
    values = np.random.default_rng(0).normal(size=(2, 90))
    assert np.isfinite(running_median(np.zeros(90), values, 3)).all()
    np.testing.assert_allclose(
        running_median(np.zeros(90), values, 0), np.median(values, axis=1)[:, None] * np.ones(90)
    )


def test_curves_at_other_points() -> None:
    rng = np.random.default_rng(0)
    covariate, values, at = rng.normal(size=90), rng.normal(size=(2, 90)), np.array([-9.0, 0.1, 9.0])
    order = np.argsort(covariate).reshape(3, 30)
    centers = [np.median(covariate[b]) for b in order]
    expected = [np.interp(at, centers, [np.median(row[b]) for b in order]) for row in values]
    np.testing.assert_allclose(running_median(covariate, values, 3, at), expected, atol=1e-12)
    assert running_median(covariate, values, 1, at).shape == (2, 3)


def test_neither_order_nor_rounding_decide_between_equal_covariates() -> None:
    rng = np.random.default_rng(0)
    covariate, values = rng.integers(0, 12, size=90).astype(float), rng.normal(size=(2, 90))
    order = rng.permutation(90)
    found = running_median(covariate, values, 4)
    np.testing.assert_array_equal(running_median(covariate[order], values[:, order], 4), found[:, order])
    np.testing.assert_allclose(
        running_median(covariate + rng.uniform(-1e-12, 1e-12, size=90), values, 4), found, atol=1e-9
    )
