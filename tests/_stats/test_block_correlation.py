"""Correlation within blocks against a restricted likelihood written out, and what ignoring it costs."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar

from kompot_scverse._stats.block_correlation import block_correlation, block_covariance
from kompot_scverse._stats.linear_model import SampleDesign, fit_linear

DONORS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 4, 4, 4])
DAYS = np.array([0.0, 3, 7, 0, 7, 0, 3, 7, 3, 0, 3, 7])


def design(block: np.ndarray | None = DONORS) -> SampleDesign:
    return SampleDesign(np.column_stack([np.ones(12), DAYS]), np.array([0.0, 1.0]), block)


def draw(n_genes: int, correlation: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    donors = rng.normal(size=(5, n_genes)) * np.sqrt(correlation)
    return (donors[DONORS] + rng.normal(size=(12, n_genes)) * np.sqrt(1 - correlation)) * rng.uniform(0.2, 4, n_genes)


def dense_loss(rho: float, y: np.ndarray, variances: np.ndarray) -> float:
    """Restricted likelihood with explicit inverses, gene by gene."""
    x = design().matrix
    correlation = np.array([[1.0 if i == j else rho * (DONORS[i] == DONORS[j]) for j in range(12)] for i in range(12)])
    covariance = np.sqrt(np.outer(variances, variances)) * correlation
    inverse = np.linalg.inv(covariance)
    information = x.T @ inverse @ x
    projection = inverse - inverse @ x @ np.linalg.inv(information) @ x.T @ inverse
    log_det = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1]
    return 0.5 * sum(log_det + 10 * np.log(gene @ projection @ gene) for gene in y.T)


@pytest.mark.parametrize("truth", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("n_genes", [1, 12])
def test_correlation_is_that_of_the_dense_restricted_likelihood(truth: float, n_genes: int) -> None:
    y, variances = draw(n_genes, truth, seed=3), np.linspace(1, 3, 12)
    grid = np.linspace(0, 0.99, 100)
    near = grid[np.argmin([dense_loss(rho, y, variances) for rho in grid])]
    ends = max(near - 0.02, 0.0), min(near + 0.02, 0.99)
    witness = minimize_scalar(dense_loss, bounds=ends, args=(y, variances), method="bounded", options={"xatol": 1e-7})
    assert block_correlation(y, np.diag(variances), design()) == pytest.approx(witness.x, abs=1e-4)


def test_correlation_of_many_genes_is_the_true_one() -> None:
    for truth in (0.0, 0.4, 0.8):
        assert block_correlation(draw(2000, truth), np.eye(12), design()) == pytest.approx(truth, abs=0.03)


def test_blocks_that_the_design_or_single_samples_determine_have_no_correlation() -> None:
    y = draw(20, 0.5)
    of_donors = SampleDesign(np.column_stack([np.eye(5)[DONORS], DAYS]), np.eye(6)[5], DONORS)
    assert block_correlation(y, np.eye(12), of_donors) == 0
    assert block_correlation(y, np.eye(12), design(np.arange(12))) == 0
    assert block_correlation(y, np.eye(12), design(None)) == 0
    assert block_correlation(np.zeros((12, 3)), np.eye(12), design()) == 0


def test_block_covariance_keeps_variances_and_sets_correlations() -> None:
    covariance = block_covariance(np.diag([1.0, 4.0, 9.0]), np.array([0, 0, 1]), 0.5)
    np.testing.assert_allclose(covariance, [[1, 1, 0], [1, 4, 0], [0, 0, 9]])


@pytest.mark.parametrize("several", [False, True])
def test_fit_with_blocks_is_dense_least_squares(several: bool) -> None:
    """Coefficients, their covariance and F with explicit inverses."""
    y, rng = draw(6, 0.5), np.random.default_rng(1)
    x = np.column_stack([np.ones(12), DAYS == 3, DAYS == 7, rng.normal(size=12)]).astype(float)
    contrast = np.eye(4)[:, 1:3] if several else np.eye(4)[1]
    covariance = block_covariance(np.diag(np.linspace(1, 2, 12)), DONORS, 0.6)
    fit = fit_linear(y, covariance, SampleDesign(x, contrast, DONORS))
    inverse = np.linalg.inv(covariance)
    of_coefficients = np.linalg.inv(x.T @ inverse @ x)
    beta = of_coefficients @ x.T @ inverse @ y
    residual = y - x @ beta
    s2 = np.einsum("sg,st,tg->g", residual, inverse, residual) / 8
    np.testing.assert_allclose(fit.effect, contrast.T @ beta, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fit.variance, s2, rtol=1e-8)
    unit = contrast.T @ of_coefficients @ contrast
    np.testing.assert_allclose(np.ravel(fit.scale), np.sqrt(np.diag(np.atleast_2d(unit))), rtol=1e-8)
    if several:
        d = contrast.T @ beta
        np.testing.assert_allclose(fit.squared, np.einsum("kg,kl,lg->g", d, np.linalg.inv(unit), d), rtol=1e-8)
        assert fit.n_contrasts == 2


def test_ignoring_the_block_loses_or_inflates() -> None:
    """A contrast within donors has too large a variance without blocks, one between donors too small a one."""
    y, between = draw(4000, 0.6), np.array([0.0, 1, 0, 1, 1])[DONORS]
    for column, inflated in ((DAYS, False), (between, True)):
        x = np.column_stack([np.ones(12), column])
        rates = []
        for covariance in (np.eye(12), block_covariance(np.eye(12), DONORS, 0.6)):
            fit = fit_linear(y, covariance, SampleDesign(x, np.array([0.0, 1.0])))
            t = fit.effect / (fit.scale * np.sqrt(fit.variance))
            rates.append(np.mean(2 * stats.t.sf(np.abs(t), fit.df) < 0.05))
        assert (rates[0] > 0.08) if inflated else (rates[0] < 0.03)
        assert 0.04 < rates[1] < 0.06
