"""The distance against the textbook formula with an explicit inverse."""

import dask.array as da
import numpy as np
import pytest

from kompot_scverse._gp.posterior import posterior
from kompot_scverse._stats.mahalanobis import mahalanobis

RANK, GENES = 7, 11


def condition(seed, sigma, n=60):
    rng = np.random.default_rng(seed)
    phi = rng.normal(size=(n, RANK)) * np.geomspace(1, 0.01, RANK)
    y = rng.normal(size=(n, GENES)) + seed
    return posterior(phi.T @ phi, y.T @ phi, sigma)


def textbook(a, b, factor=None):
    found = []
    for gene in range(GENES):
        total = sum(np.linalg.inv(np.eye(RANK) + post.gram / a.sigma**2) for post in (a, b))
        if factor is not None:
            total = total + factor[gene] @ factor[gene].T
        delta = b.weights[gene] - a.weights[gene]
        found.append(np.sqrt(delta @ np.linalg.inv(total) @ delta))
    return np.array(found)


@pytest.fixture(params=[0.7, 0.1])
def sigma(request):
    return request.param


@pytest.fixture
def factor():
    return np.random.default_rng(5).normal(size=(GENES, RANK, 4))


def test_without_replicates(sigma):
    a, b = condition(0, sigma), condition(1, sigma)
    np.testing.assert_allclose(mahalanobis(a, b), textbook(a, b), rtol=1e-8)


@pytest.mark.parametrize("chunks", [None, 3, GENES])
def test_with_replicates(sigma, factor, chunks):
    a, b = condition(0, sigma), condition(1, sigma)
    given = factor if chunks is None else da.from_array(factor, chunks=(chunks, 4, 2))
    np.testing.assert_allclose(mahalanobis(a, b, given), textbook(a, b, factor), rtol=1e-8)


def test_more_columns_than_rank(sigma):
    wide = np.random.default_rng(6).normal(size=(GENES, RANK, 3 * RANK))
    a, b = condition(0, sigma), condition(1, sigma)
    np.testing.assert_allclose(mahalanobis(a, b, wide), textbook(a, b, wide), rtol=1e-8)


def test_the_distance_is_symmetric(sigma, factor):
    a, b = condition(0, sigma), condition(1, sigma)
    np.testing.assert_allclose(mahalanobis(a, b), mahalanobis(b, a), rtol=1e-10)
    np.testing.assert_allclose(mahalanobis(a, b, factor), mahalanobis(b, a, factor), rtol=1e-10)


def test_replicate_variance_only_shortens(sigma, factor):
    a, b = condition(0, sigma), condition(1, sigma)
    assert (mahalanobis(a, b, factor) < mahalanobis(a, b)).all()
    np.testing.assert_allclose(mahalanobis(a, b, 0 * factor), mahalanobis(a, b), rtol=1e-12)


def test_on_any_points_that_determine_the_function():
    a, b = condition(0, 0.7), condition(1, 0.7)
    points = np.random.default_rng(7).normal(size=(RANK, RANK))
    difference = (b.weights - a.weights) @ points.T
    inverse = np.linalg.inv(points @ (a.covariance() + b.covariance()) @ points.T)
    np.testing.assert_allclose(
        mahalanobis(a, b), np.sqrt(np.einsum("gi,ij,gj->g", difference, inverse, difference)), rtol=1e-8
    )


def test_no_difference():
    a = condition(0, 0.7)
    assert (mahalanobis(a, a) == 0).all()
