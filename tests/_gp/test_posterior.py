"""The weight-space posterior against the function-space formulas of Rasmussen & Williams (2006, eq. 2.23-2.24)."""

import numpy as np
import pytest
from given_noise import fit_cells, fit_given_noise

from kompot_scverse._gp.posterior import posterior_weights, spectrum

N, RANK, GENES = 80, 9, 5


@pytest.fixture(scope="module")
def phi() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, RANK))


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(N, GENES))


@pytest.fixture(scope="module")
def new() -> np.ndarray:
    return np.random.default_rng(2).normal(size=(13, RANK))


def function_space(phi, y, new, sigma):
    inverse = np.linalg.inv(phi @ phi.T + sigma**2 * np.eye(len(phi)))
    cross = new @ phi.T
    return cross @ inverse @ y, new @ new.T - cross @ inverse @ cross.T


def covariance(fit):
    """Of the weights of the first condition."""
    table = fit.variance_table(0)
    return table.loads[0, 0] * table.covariances[0].dense(table.axes)


@pytest.mark.parametrize("sigma", [1.0, 0.1, 7.0])
def test_shared_noise(phi, y, new, sigma):
    mean, expected = function_space(phi, y, new, sigma)
    np.testing.assert_allclose(
        new @ posterior_weights(spectrum(phi.T @ phi), y.T @ phi, sigma).T, mean, rtol=1e-8, atol=1e-8
    )
    # the engine: one condition, amplitude and noise given
    fit = fit_cells([phi], [y], sigma)
    np.testing.assert_allclose(new @ fit.weights(0).T, mean, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(new @ covariance(fit) @ new.T, expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(fit.variance_table(0).shared_std(new), np.sqrt(np.diag(expected)), rtol=1e-8)
    assert fit.variance_table(0).variances(new).shape == (GENES, len(new))


def test_fewer_cells_than_features(phi, y, new):
    fit = fit_cells([phi[:4]], [y[:4]], 0.5)
    mean, expected = function_space(phi[:4], y[:4], new, 0.5)
    np.testing.assert_allclose(new @ fit.weights(0).T, mean, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(fit.variance_table(0).shared_std(new), np.sqrt(np.diag(expected)), rtol=1e-8)


def test_without_cells_the_prior_remains(phi):
    members = [np.array([0]), np.array([1])]
    grams = np.stack([np.zeros((RANK, RANK)), phi.T @ phi])
    fit = fit_given_noise(grams, np.stack([np.zeros((GENES, RANK)), np.ones((GENES, RANK))]), 1.0, members)
    np.testing.assert_allclose(fit.weights(0), 0, atol=1e-14)
    np.testing.assert_allclose(covariance(fit), np.eye(RANK), atol=1e-14)
