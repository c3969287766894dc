"""The tail of a weighted sum of χ² variables against exact and simulated ones."""

import numpy as np
import pytest
from scipy.stats import chi2

from kompot_scverse._stats.weighted_chi2 import matched_chi2, matched_sf

STATISTIC = np.array([0.5, 2.0, 8.0, 20.0])


@pytest.mark.parametrize("weight", [1e-8, 1.0, 300.0])
@pytest.mark.parametrize("n", [1, 4])
def test_equal_weights_are_a_scaled_chi2(weight, n):
    found = matched_sf(weight * STATISTIC, matched_chi2(np.full(n, weight)))
    np.testing.assert_allclose(found, chi2(n).sf(STATISTIC), rtol=1e-6)


def test_unequal_weights_against_draws():
    weights = np.array([3.0, 1.0, 0.5, 0.1, 0.1])
    drawn = np.random.default_rng(0).chisquare(1, size=(400_000, 5)) @ weights
    statistic = np.quantile(drawn, [0.5, 0.9, 0.99, 0.999])
    found = matched_sf(statistic, matched_chi2(weights))
    # matched in the tail; about the median four cumulants say less
    np.testing.assert_allclose(found[1:3], [0.1, 0.01], rtol=0.04)
    assert found[0] == pytest.approx(0.5, abs=0.03)
    assert found[3] == pytest.approx(0.001, rel=0.2)
