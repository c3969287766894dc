"""The estimated distribution of variances against the true one, its posterior against the formulas written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kompot_scverse._stats.npmle import BLOCK, VarianceDistribution, fit_npmle


def test_two_kinds_of_variances_are_found() -> None:
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(50_000) < 0.1, 9.0, 1.0)
    found = fit_npmle(truth * rng.chisquare(8, len(truth)) / 8, 8)
    assert found.mass.sum() == pytest.approx(1)
    assert found.mass[found.grid > 4].sum() == pytest.approx(0.1, abs=0.01)
    assert found.mass @ found.grid == pytest.approx(truth.mean(), rel=0.02)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 400))
def test_posterior_written_out(seed: int, df: int) -> None:
    """Bayes' rule with scipy's densities of s² df / v ~ χ²; with estimates far off the grid, where densities vanish."""
    rng = np.random.default_rng(seed)
    grid, mass = np.sort(rng.uniform(0.5, 2, 5)), rng.dirichlet(np.ones(5))
    variance = np.concatenate([rng.uniform(0.4, 2.5, BLOCK + 3), [1e-6, 50.0]])
    statistic = np.abs(rng.normal(size=len(variance)) * 3)
    log = stats.chi2.logpdf(variance[:, None] * df / grid, df) - np.log(grid) + np.log(mass)
    posterior = np.exp(log - log.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    expected = (posterior * 2 * stats.norm.sf(statistic[:, None] / np.sqrt(grid))).sum(axis=1)
    pvalue, mean = VarianceDistribution(grid, mass, df).test(statistic, variance)
    np.testing.assert_allclose(pvalue, expected, rtol=1e-8)
    np.testing.assert_allclose(mean, posterior @ grid, rtol=1e-8)
