"""The weight-space posterior against the function-space formulas of Rasmussen & Williams (2006, eq. 2.23-2.24)."""

import numpy as np
import pytest

from kompot_scverse._gp.posterior import posterior

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


@pytest.mark.parametrize("sigma", [1.0, 0.1, 7.0])
def test_shared_noise(phi, y, new, sigma):
    post = posterior(phi.T @ phi, y.T @ phi, sigma)
    mean, covariance = function_space(phi, y, new, sigma)
    np.testing.assert_allclose(new @ post.weights.T, mean, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(new @ post.covariance() @ new.T, covariance, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(post.std(new), np.sqrt(np.diag(covariance)), rtol=1e-8)
    assert post.variances(new).shape == (1, len(new))


def test_fewer_cells_than_features(phi, y, new):
    post = posterior(phi[:4].T @ phi[:4], y[:4].T @ phi[:4], 0.5)
    mean, covariance = function_space(phi[:4], y[:4], new, 0.5)
    np.testing.assert_allclose(new @ post.weights.T, mean, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(post.std(new), np.sqrt(np.diag(covariance)), rtol=1e-8)


def test_without_cells_the_prior_remains(new):
    post = posterior(np.zeros((RANK, RANK)), np.zeros((GENES, RANK)), 1.0)
    assert (post.weights == 0).all()
    np.testing.assert_allclose(post.covariance(), np.eye(RANK), atol=1e-14)
