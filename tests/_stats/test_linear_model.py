"""Least squares against statsmodels, scipy and numpy."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from kompot_scverse._stats.linear_model import SampleDesign, fit_linear, tempered_covariance


def two_groups(n: int = 8) -> SampleDesign:
    return SampleDesign(np.column_stack([np.ones(n), np.arange(n) >= n // 2]).astype(float), np.array([0.0, 1.0]))


def paired(n: int = 5) -> SampleDesign:
    """Donor blocks and one column for the condition."""
    return SampleDesign(np.column_stack([np.tile(np.eye(n), (2, 1)), np.repeat([0.0, 1.0], n)]), np.eye(n + 1)[n])


@pytest.mark.parametrize("design", [two_groups(), paired()], ids=["groups", "paired"])
def test_fit_is_statsmodels_gls(design: SampleDesign) -> None:
    rng = np.random.default_rng(0)
    n = len(design.matrix)
    a = rng.normal(size=(n, n))
    covariance = a @ a.T + np.eye(n)
    y = rng.normal(size=(n, 5))
    fit = fit_linear(y, covariance, design)
    for g in range(5):
        witness = sm.GLS(y[:, g], design.matrix, sigma=covariance).fit()
        test = witness.t_test(design.contrast)
        assert fit.effect[g] == pytest.approx(test.effect[0], rel=1e-9)
        assert fit.variance[g] == pytest.approx(witness.scale, rel=1e-9)
        assert fit.scale * np.sqrt(fit.variance[g]) == pytest.approx(test.sd[0, 0], rel=1e-9)
        assert fit.df == witness.df_resid
    x, inverse = design.matrix, np.linalg.inv(covariance)
    if np.linalg.matrix_rank(x) == x.shape[1]:
        expected = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(x.T @ inverse @ x)[1]
        assert fit.log_determinant == pytest.approx(expected, rel=1e-9)


def test_paired_fit_is_the_paired_t_test() -> None:
    y = np.random.default_rng(0).normal(size=(10, 4)) + np.tile(np.arange(5.0), 2)[:, None]
    fit = fit_linear(y, np.eye(10), paired())
    witness = stats.ttest_rel(y[5:], y[:5])
    np.testing.assert_allclose(fit.effect / (fit.scale * np.sqrt(fit.variance)), witness.statistic, rtol=1e-9)
    assert fit.df == witness.df[0] == 4


def test_precision_weights_are_wls_and_equal_variances_lstsq() -> None:
    rng = np.random.default_rng(1)
    y, weights, design = rng.normal(size=(8, 3)), rng.uniform(1, 9, 8), two_groups()
    fit = fit_linear(y, np.diag(1 / weights), design)
    root = np.sqrt(weights)[:, None]
    np.testing.assert_allclose(fit.effect, np.linalg.lstsq(root * design.matrix, root * y, rcond=None)[0][1])


def test_redundant_columns_change_nothing_and_lost_contrasts_show() -> None:
    y, design = np.random.default_rng(2).normal(size=(8, 3)), two_groups()
    redundant = SampleDesign(
        np.column_stack([design.matrix, 1 - design.matrix[:, 1], np.zeros(8)]), np.array([0.0, 1.0, -1.0, 0.0])
    )
    assert redundant.estimable
    assert redundant.residual_df == 6
    first, second = (fit_linear(y, np.eye(8), d) for d in (design, redundant))
    np.testing.assert_allclose(second.effect, first.effect, atol=1e-12)
    assert second.scale == pytest.approx(first.scale)
    assert second.df == 6
    assert not design.restricted(np.arange(8) < 4).estimable
    assert design.restricted(np.arange(8) < 5).estimable


def test_tempering_bounds_the_weights() -> None:
    tempered = np.diag(tempered_covariance(np.diag([1e-9, 1.0, 1.0, 1.0, 50.0]), 2.0))
    np.testing.assert_allclose(tempered, [2 + 1e-9, 3, 3, 3, 52])
