"""The density agrees with mellon, and its mode and curvature with what they are by definition."""

import jax
import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import gammaln

from kompot_scverse._gp.basis import fit_basis
from kompot_scverse._gp.density import fit_density
from kompot_scverse._gp.kernel import Kernel
from kompot_scverse._gp.mellon import kernel_function, length_scale, load_mellon, prior_log_density
from kompot_scverse._gp.neighbors import fractal_dimension, nearest_neighbor_distances


@pytest.fixture(scope="module")
def problem() -> tuple[np.ndarray, np.ndarray, float, float]:
    """Features of 60 cells (rank 6), distances, d, mu."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 6)) * 0.5, rng.uniform(0.1, 1, 60), 2.3, -1.5


def gradient(z, phi, distances, d, mu):
    """Of the negative log posterior, from its definition."""
    volume = np.pi ** (d / 2) * distances**d / np.exp(gammaln(d / 2 + 1))
    return z + phi.T @ (np.exp(mu + phi @ z) * volume - 1)


def test_log_density_is_mellons():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(size=(250, 2)), rng.normal(3, 0.5, size=(150, 2))])
    distances = nearest_neighbor_distances(x)
    ls, d = length_scale(distances), fractal_dimension(x)
    mu = prior_log_density(distances, d)
    phi = fit_basis(x, Kernel(kernel_function(None, ls)), rtol=0)[0].features(x)
    ours = fit_density(phi, distances, d, mu).log_density(phi)
    with jax.enable_x64(True):
        estimator = load_mellon().DensityEstimator(
            n_landmarks=0, rank=1.0, nn_distances=distances, d=d, mu=mu, ls=ls, jitter=1e-9
        )
        theirs = np.asarray(estimator.fit_predict(x))
    assert np.ptp(theirs) > 2
    np.testing.assert_allclose(ours, theirs, atol=1e-2)


def test_the_gradient_is_zero_at_the_mode(problem):
    fit = fit_density(*problem)
    np.testing.assert_allclose(gradient(fit.weights, *problem), 0, atol=1e-8)


def test_hessian_is_the_dense_formula(problem):
    phi, distances, d, mu = problem
    fit = fit_density(*problem)
    volume = np.pi ** (d / 2) * distances**d / np.exp(gammaln(d / 2 + 1))
    dense = np.eye(6) + sum(
        np.exp(fit.log_density(p[None])[0]) * v * np.outer(p, p) for p, v in zip(phi, volume, strict=True)
    )
    np.testing.assert_allclose(fit.hessian_cholesky @ fit.hessian_cholesky.T, dense, atol=1e-8)
    np.testing.assert_allclose(fit.variance(phi), np.diag(phi @ np.linalg.inv(dense) @ phi.T), atol=1e-8)


def test_hessian_is_the_derivative_of_the_gradient(problem):
    fit = fit_density(*problem)
    differences = approx_fprime(fit.weights, gradient, 1e-6, *problem)
    np.testing.assert_allclose(fit.hessian_cholesky @ fit.hessian_cholesky.T, differences, rtol=1e-4, atol=1e-4)


def test_far_from_the_start_it_still_converges(problem):
    """Distances over six orders of magnitude: whole Newton steps would overshoot."""
    phi, _, d, mu = problem
    distances = 10 ** np.random.default_rng(2).uniform(-3, 3, 60)
    fit = fit_density(phi * 10, distances, d, mu)
    assert np.abs(gradient(fit.weights, phi * 10, distances, d, mu)).max() < 1e-5


def test_duplicates_count_as_the_smallest_distance(problem):
    phi, distances, d, mu = problem
    zeros, smallest = distances.copy(), distances.copy()
    smallest[:3] = distances[3:].min()
    zeros[:3] = 0
    np.testing.assert_array_equal(fit_density(phi, zeros, d, mu).weights, fit_density(phi, smallest, d, mu).weights)


def test_identical_cells_have_no_density(problem):
    phi, distances, d, mu = problem
    with pytest.raises(ValueError, match="identical"):
        fit_density(phi, distances * 0, d, mu)


def test_density_without_features_is_the_prior(problem):
    phi, distances, d, mu = problem
    fit = fit_density(phi * 0, distances, d, mu)
    np.testing.assert_allclose(fit.log_density(phi * 0), mu)
    np.testing.assert_allclose(fit.variance(phi), np.square(phi).sum(axis=1))
