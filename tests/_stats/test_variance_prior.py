"""Priors of the variances against simulation with known truth."""

import numpy as np
import pytest
from scipy import stats

from kompot_scverse._stats.variance_prior import fit_f_dist


@pytest.mark.parametrize(("d0", "s02"), [(4.0, 0.3), (20.0, 5.0)])
def test_prior_is_recovered(d0: float, s02: float) -> None:
    rng = np.random.default_rng(0)
    variance = s02 * stats.f.rvs(6, d0, size=8000, random_state=rng)
    found = fit_f_dist(variance, 6, np.zeros(8000))
    assert np.median(found.df) == pytest.approx(d0, rel=0.2)
    np.testing.assert_allclose(found.variance, s02, rtol=0.05)


def test_prior_follows_the_trend() -> None:
    rng = np.random.default_rng(0)
    covariate = rng.uniform(-2, 2, 8000)
    truth = np.exp(1 - covariate + 0.5 * covariate**2)
    found = fit_f_dist(truth * stats.f.rvs(6, 10, size=8000, random_state=rng), 6, covariate)
    error = np.log(found.variance / truth)
    assert abs(error.mean()) < 0.03
    assert error.std() < 0.12
    assert np.median(found.df) == pytest.approx(10, rel=0.25)


def test_constant_variance_gives_infinite_prior_df() -> None:
    variance = stats.chi2.rvs(6, size=4000, random_state=np.random.default_rng(3)) / 6
    assert np.median(fit_f_dist(variance, 6, np.zeros(4000)).df) > 100


def test_robust_prior_ignores_outliers_and_marks_them() -> None:
    rng = np.random.default_rng(0)
    variance = stats.f.rvs(6, 20, size=4000, random_state=rng)
    variance[:80] *= 200
    found = fit_f_dist(variance, 6, np.zeros(4000))
    assert np.median(found.df) == pytest.approx(20, rel=0.3)
    assert np.median(found.df[:80]) < 0.2 * np.median(found.df)
