"""Log density ratios with samples: against a direct optimiser and the dense Hessian, and what samples weigh."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from scipy.stats import norm
from two_sets import two_sets

from kompot_scverse._gp.ratio import fit_ratio
from kompot_scverse._gp.sample_ratio import fit_sample_ratio

BLOCKS, ONE = np.array([0, 0, 1]), np.zeros(3, dtype=int)
LATE = np.arange(6) >= 3


def draw(seed: int, between: float, change: float, counts: np.ndarray | None = None):
    """Features of cells, the sample of each; log densities of the samples differ by random fields of SD `between`."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(6, 3)) * between + np.where(LATE, 0.5, -0.5)[:, None] * [change, 0, 0]
    counts = np.full(6, 300) if counts is None else counts
    # of a log density that is linear in normal features, the cells are normal with another mean
    phi = np.concatenate([rng.normal(size=(n, 3)) + w for n, w in zip(counts, weights, strict=True)])
    return phi, np.repeat(np.arange(6), counts), weights


@pytest.fixture(scope="module")
def cells():
    phi, codes, _ = draw(0, 0.4, 1.5)
    return phi, codes, fit_sample_ratio(phi, codes, LATE, ONE)


def negative(theta: np.ndarray, phi: np.ndarray, codes: np.ndarray, contrast: np.ndarray, own: np.ndarray):
    """Negative log posterior of contrast, samples' fields and levels, and its gradient."""
    delta, u, level = theta[:3], theta[3:21].reshape(6, 3), theta[21:]
    half = np.where(LATE, 0.5, -0.5)
    eta = level + phi @ (half[:, None] * delta + u).T
    residual = np.eye(6)[codes] - softmax(eta, axis=1)
    score = residual.T @ phi
    value = (eta[np.arange(len(codes)), codes] - logsumexp(eta, axis=1)).sum()
    value -= np.sum(delta**2 / contrast) / 2 + np.sum(u**2 / own) / 2 + level.sum() ** 2
    gradient = np.concatenate(
        [half @ score - delta / contrast, (score - u / own).ravel(), residual.sum(axis=0) - 2 * level.sum()]
    )
    return -value, -gradient


def test_mode_is_that_of_the_joint_posterior(cells):
    phi, codes, fit = cells
    contrast, own = fit.amplitudes[ONE], fit.sample_amplitudes[ONE]
    found = minimize(
        negative, np.zeros(27), (phi, codes, contrast, own), jac=True, method="BFGS", options={"gtol": 1e-6}
    )
    np.testing.assert_allclose(fit.weights, found.x[:3], atol=2e-3)


def test_variance_is_close_to_the_dense_one(cells):
    phi, codes, fit = cells
    contrast, own = fit.amplitudes[ONE], fit.sample_amplitudes[ONE]
    arguments = (phi, codes, contrast, own)
    mode = minimize(negative, np.zeros(27), arguments, jac=True, method="BFGS", options={"gtol": 1e-6}).x
    steps = 1e-5 * np.eye(27)
    hessian = np.array([(negative(mode + s, *arguments)[1] - negative(mode - s, *arguments)[1]) / 2e-5 for s in steps])
    inverse = np.linalg.inv((hessian + hessian.T) / 2)[:3, :3]
    np.testing.assert_allclose(np.diag(fit.covariance), np.diag(inverse), rtol=0.15)


def test_samples_that_do_not_differ_are_one():
    same = []
    for seed in range(6):
        phi, codes, _ = draw(seed, 0.0, 1.0)
        fit, pooled = fit_sample_ratio(phi, codes, LATE, BLOCKS), fit_ratio(*two_sets(phi, LATE[codes]), BLOCKS)
        same.append(fit.sample_amplitudes is None)
        np.testing.assert_allclose(fit.weights, pooled.weights, atol=0 if same[-1] else 0.06)
        np.testing.assert_allclose(fit.variance(phi), pooled.variance(phi), rtol=0 if same[-1] else 0.6)
    assert any(same)


def test_swap_and_order(cells):
    phi, codes, fit = cells
    swapped = fit_sample_ratio(phi, codes, ~LATE, ONE)
    np.testing.assert_allclose(swapped.log_ratio(phi), -fit.log_ratio(phi), atol=1e-4)
    np.testing.assert_allclose(swapped.variance(phi), fit.variance(phi), rtol=1e-4)
    order = np.random.default_rng(0).permutation(len(codes))
    names = np.array([3, 5, 0, 1, 4, 2])
    moved = fit_sample_ratio(phi[order], names[codes][order], LATE[np.argsort(names)], ONE)
    np.testing.assert_allclose(moved.log_ratio(phi), fit.log_ratio(phi), atol=1e-4)
    np.testing.assert_allclose(moved.variance(phi), fit.variance(phi), rtol=1e-4)


def test_one_large_sample_is_one_sample():
    """Ten times the cells of one deviating sample: the pooled cells change, the samples do not."""
    counts = np.array([200, 200, 200, 200, 200, 4000])
    pooled, sampled = [], []
    for seed in range(8):
        phi, codes, weights = draw(seed, 0.6, 0.0, counts)
        deviation = weights[5] - weights[:3].mean(axis=0)
        for found, fit in (
            (pooled, fit_ratio(*two_sets(phi, LATE[codes]), BLOCKS)),
            (sampled, fit_sample_ratio(phi, codes, LATE, BLOCKS)),
        ):
            found.append(fit.weights @ deviation / (deviation @ deviation))
    assert np.mean(pooled) > 0.7
    assert np.mean(sampled) < 0.4


def test_intervals_know_that_samples_differ():
    """Nothing differs between the conditions but their samples do: z of the cells pooled is far too large."""
    z = {"pooled": [], "samples": []}
    for seed in range(25):
        phi, codes, _ = draw(100 + seed, 0.4, 0.0)
        for name, fit in (
            ("pooled", fit_ratio(*two_sets(phi, LATE[codes]), BLOCKS)),
            ("samples", fit_sample_ratio(phi, codes, LATE, BLOCKS)),
        ):
            if fit.amplitudes.any():
                z[name].append(fit.log_ratio(phi) / np.sqrt(fit.variance(phi)))
            else:
                z[name].append(np.zeros(len(phi)))
    rate = {name: np.mean(np.abs(found) > norm.isf(0.05)) for name, found in z.items()}
    assert rate["pooled"] > 0.5
    assert rate["samples"] < 0.25


def test_planted_change_is_covered():
    covered, slopes = [], []
    for seed in range(15):
        phi, codes, _ = draw(200 + seed, 0.3, 1.2)
        fit = fit_sample_ratio(phi, codes, LATE, BLOCKS)
        slopes.append(fit.weights[0] / 1.2)
        covered.append(np.abs(fit.weights[0] - 1.2) <= norm.isf(0.05) * np.sqrt(fit.covariance[0, 0]))
    assert 0.7 < np.mean(slopes) < 1.1
    assert np.mean(covered) >= 0.75
