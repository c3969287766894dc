"""Log density ratios: definitions, dense formulas, symmetries and known truth."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from scipy.stats import multivariate_normal, norm
from two_sets import two_sets

from kompot_scverse._gp import cell_blocks, ratio
from kompot_scverse._gp.amplitudes import GRID, choose_amplitudes, solve_prior
from kompot_scverse._gp.ratio import fit_ratio

BLOCKS = np.array([0, 0, 0, 1, 1])
AMPLITUDES = np.array([0.8, 0.3])


@pytest.fixture(scope="module")
def cells() -> tuple[np.ndarray, np.ndarray]:
    """Features of 400 cells in two blocks, and which are of the second set."""
    rng = np.random.default_rng(0)
    phi = rng.normal(size=(400, 5))
    return phi, rng.random(400) < expit(-0.7 + phi @ [1.0, -0.5, 0, 0.6, 0])


def dense(phi: np.ndarray, fit: ratio.RatioFit, late: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and negative Hessian of the log posterior, by definition; the level first."""
    x = np.column_stack([np.ones(len(phi)), phi])
    p = expit(np.log(late.sum() / (~late).sum()) + fit.log_ratio(phi))
    precision = np.append(0, 1 / fit.amplitudes[BLOCKS])
    gradient = x.T @ (late - p) - precision * np.append(0, fit.weights)
    return gradient, (x * (p * (1 - p))[:, None]).T @ x + np.diag(precision)


def test_mode_and_covariance(cells):
    phi, late = cells
    fit = fit_ratio(*two_sets(phi, late), BLOCKS, AMPLITUDES)
    gradient, hessian = dense(phi, fit, late)
    np.testing.assert_allclose(gradient, 0, atol=1e-8)
    inverse = np.linalg.inv(hessian)
    np.testing.assert_allclose(fit.covariance, inverse[1:, 1:], atol=1e-12)
    x = np.column_stack([np.ones(400), phi])
    expected = np.einsum("ir,rs,is->i", x, inverse, x) - 1 / late.sum() - 1 / (~late).sum()
    np.testing.assert_allclose(fit.variance(phi), expected, rtol=1e-8)


def test_logistic_is_the_multinomial_of_two_conditions(cells):
    phi, late = cells

    def negative(theta):
        level, weights = theta[:2], theta[2:].reshape(2, 5)
        eta = level + phi @ weights.T
        log_likelihood = (eta[np.arange(400), late.astype(int)] - logsumexp(eta, axis=1)).sum()
        # each condition its own field of half the variance; the level, which all share, held at zero
        return -log_likelihood + np.sum(weights**2 / AMPLITUDES[BLOCKS]) + level.sum() ** 2

    theta = minimize(negative, np.zeros(12), method="BFGS", options={"gtol": 1e-7}).x
    eta = theta[:2] + phi @ theta[2:].reshape(2, 5).T
    fit = fit_ratio(*two_sets(phi, late), BLOCKS, AMPLITUDES)
    expected = eta[:, 1] - eta[:, 0] - np.log(late.sum() / (~late).sum())
    np.testing.assert_allclose(fit.log_ratio(phi), expected, atol=1e-5)


def test_mass_is_one(cells):
    phi, late = cells
    log_ratio = fit_ratio(*two_sets(phi, late), BLOCKS).log_ratio(phi)
    share = late.mean()
    pooled = np.log((1 - share) + share * np.exp(log_ratio))
    np.testing.assert_allclose([np.exp(log_ratio - pooled).mean(), np.exp(-pooled).mean()], 1, atol=1e-10)


def test_evidence_is_that_of_the_normal_distribution():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(30, 5))
    y = a @ rng.normal(size=5) + rng.normal(size=30)
    variances = np.array([0.5, 0.5, 0.0, 2.0, 2.0])
    weights, covariance, evidence, _ = solve_prior(a.T @ a, a.T @ y, variances)
    marginal = multivariate_normal(cov=np.eye(30) + (a * variances) @ a.T).logpdf(y)
    assert evidence == pytest.approx(marginal - norm.logpdf(y).sum())
    on = variances > 0
    inverse = np.linalg.inv(a[:, on].T @ a[:, on] + np.diag(1 / variances[on]))
    np.testing.assert_allclose(covariance[np.ix_(on, on)], inverse, atol=1e-12)
    np.testing.assert_allclose(weights[on], inverse @ a[:, on].T @ y, atol=1e-12)
    assert weights[2] == 0
    assert not covariance[2].any()


def test_amplitudes_are_the_best_of_the_grid():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(60, 5))
    hessian, linear = a.T @ a, a.T @ (a @ [3, -2, 1, 0, 0] + rng.normal(size=60))
    values = np.append(GRID, 0)
    found = choose_amplitudes(hessian, linear, BLOCKS)

    def evidence(first: int, second: int) -> float:
        return solve_prior(hessian, linear, values[[first, second]][BLOCKS])[2]

    best = max((evidence(i, j), i, j) for i in range(-1, len(GRID)) for j in range(-1, len(GRID)) if (i, j) != (-1, -1))
    assert tuple(found) == best[1:]
    assert tuple(choose_amplitudes(hessian, linear, BLOCKS, start=found)) == best[1:]


def test_swap_order_and_blocks(cells, monkeypatch):
    phi, late = cells
    fit = fit_ratio(*two_sets(phi, late), BLOCKS)
    swapped = fit_ratio(*two_sets(phi, ~late), BLOCKS)
    np.testing.assert_allclose(swapped.log_ratio(phi), -fit.log_ratio(phi), atol=1e-9)
    np.testing.assert_allclose(swapped.variance(phi), fit.variance(phi), rtol=1e-8)
    monkeypatch.setattr(cell_blocks, "BLOCK", 57)
    order = np.random.default_rng(0).permutation(400)
    moved = fit_ratio(*two_sets(phi[order], late[order]), BLOCKS)
    np.testing.assert_allclose(moved.log_ratio(phi), fit.log_ratio(phi), atol=1e-9)
    np.testing.assert_allclose(moved.variance(phi), fit.variance(phi), rtol=1e-8)
    np.testing.assert_array_equal(moved.amplitudes, fit.amplitudes)


def test_a_condition_of_ten_times_the_cells():
    """The same log ratio within its error, which gets smaller."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, 4000), rng.normal(0.5, 1, 400), rng.normal(0.5, 1, 4000)])
    phi = np.column_stack([x, x**2 / 3, np.sin(x)])
    few, many = np.r_[0:4400], np.r_[0:4000, 4400:8400]
    fits = [
        fit_ratio(*two_sets(phi[rows], np.arange(len(rows)) >= 4000), np.zeros(3, dtype=int)) for rows in (few, many)
    ]
    at = phi[np.abs(x) < 2]
    first, second = (fit.log_ratio(at) for fit in fits)
    assert np.abs(first - second).max() < 0.25
    assert np.abs(second - (0.5 * x[np.abs(x) < 2] - 0.125)).mean() < 0.05
    assert (fits[1].variance(at) < 0.5 * fits[0].variance(at)).all()


def test_nothing_changes(cells):
    phi, _ = cells
    twice = np.concatenate([phi, phi])
    fit = fit_ratio(*two_sets(twice, np.arange(800) >= 400), BLOCKS)
    assert not fit.amplitudes.any()
    assert fit.null_probability == 1
    np.testing.assert_array_equal(fit.log_ratio(phi), 0)
    np.testing.assert_array_equal(fit.variance(phi), 0)
    assert np.isnan(fit.variance(np.full((1, 5), np.nan))).all()
    rng = np.random.default_rng(2)
    phi = rng.normal(size=(5000, 5))
    size = [np.abs(fit_ratio(*two_sets(phi, rng.random(5000) < 0.4), BLOCKS).log_ratio(phi)).mean() for _ in range(20)]
    assert np.median(size) < 0.02


def test_intervals_cover_what_was_drawn():
    rng = np.random.default_rng(3)
    covered, gaps = [], []
    for _ in range(20):
        phi = rng.normal(size=(1500, 5))
        field = phi @ (rng.normal(size=5) * np.sqrt(AMPLITUDES[BLOCKS]))
        late = rng.random(1500) < expit(field - 1)
        p = expit(field - 1)
        truth = field - 1 - np.log(p.sum() / (1 - p).sum())
        fit = fit_ratio(*two_sets(phi, late), BLOCKS)
        gaps.append(fit.log_ratio(phi) - truth)
        covered.append(np.abs(gaps[-1]) <= norm.isf(0.05) * np.sqrt(fit.variance(phi)))
    assert 0.85 < np.mean(covered) < 0.95
    assert np.sqrt(np.mean(np.square(gaps))) < 0.2
