"""The distance against the textbook formula with an explicit inverse."""

import numpy as np
import pytest
from given_noise import fit_cells

from kompot_scverse._stats.mahalanobis import distances_from

RANK, GENES = 7, 11


def condition(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Features and expression."""
    rng = np.random.default_rng(seed)
    phi = rng.normal(size=(n, RANK)) * np.geomspace(1, 0.01, RANK)
    return phi, rng.normal(size=(n, GENES)) + seed


def mahalanobis(a, b, sigma, factor=None):
    """Ours; without a variance between replicates those of the engine, which does not form the covariance."""
    fit = fit_cells([a[0], b[0]], [a[1], b[1]], sigma)
    if factor is None:
        return fit.distance(1)
    return distances_from(fit.fold_change_covariance(1), fit.fold_change(1))(factor, slice(None))


def ridge(cells: tuple[np.ndarray, np.ndarray], sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights, genes × rank, and their covariance."""
    phi, y = cells
    covariance = np.linalg.inv(np.eye(RANK) + phi.T @ phi / sigma**2)
    return y.T @ phi @ covariance / sigma**2, covariance


def textbook(a, b, sigma, factor=None):
    (w1, v1), (w2, v2) = ridge(a, sigma), ridge(b, sigma)
    found = []
    for gene in range(GENES):
        total = v1 + v2
        if factor is not None:
            total = total + factor[gene] @ factor[gene].T
        delta = w2[gene] - w1[gene]
        found.append(np.sqrt(delta @ np.linalg.inv(total) @ delta))
    return np.array(found)


@pytest.fixture(params=[0.7, 0.1])
def sigma(request):
    return request.param


@pytest.fixture
def factor():
    return np.random.default_rng(5).normal(size=(GENES, RANK, 4))


def test_without_replicates(sigma):
    a, b = condition(0), condition(1)
    np.testing.assert_allclose(mahalanobis(a, b, sigma), textbook(a, b, sigma), rtol=1e-8)


@pytest.mark.parametrize("genes", [slice(None), slice(3, 6), slice(10, 11)])
def test_with_replicates(sigma, factor, genes):
    a, b = condition(0), condition(1)
    fit = fit_cells([a[0], b[0]], [a[1], b[1]], sigma)
    found = distances_from(fit.fold_change_covariance(1), fit.fold_change(1))(factor[genes], genes)
    np.testing.assert_allclose(found, textbook(a, b, sigma, factor)[genes], rtol=1e-8)


def test_more_columns_than_rank(sigma):
    wide = np.random.default_rng(6).normal(size=(GENES, RANK, 3 * RANK))
    a, b = condition(0), condition(1)
    np.testing.assert_allclose(mahalanobis(a, b, sigma, wide), textbook(a, b, sigma, wide), rtol=1e-8)


def test_the_distance_is_symmetric(sigma, factor):
    a, b = condition(0), condition(1)
    np.testing.assert_allclose(mahalanobis(a, b, sigma), mahalanobis(b, a, sigma), rtol=1e-10)
    np.testing.assert_allclose(mahalanobis(a, b, sigma, factor), mahalanobis(b, a, sigma, factor), rtol=1e-10)


def test_replicate_variance_only_shortens(sigma, factor):
    a, b = condition(0), condition(1)
    assert (mahalanobis(a, b, sigma, factor) < mahalanobis(a, b, sigma)).all()
    np.testing.assert_allclose(mahalanobis(a, b, sigma, 0 * factor), mahalanobis(a, b, sigma), rtol=1e-12)
    np.testing.assert_allclose(mahalanobis(a, b, sigma, factor[:, :, :0]), mahalanobis(a, b, sigma), rtol=1e-12)


def test_on_any_points_that_determine_the_function():
    a, b = condition(0), condition(1)
    (w1, v1), (w2, v2) = ridge(a, 0.7), ridge(b, 0.7)
    points = np.random.default_rng(7).normal(size=(RANK, RANK))
    difference = (w2 - w1) @ points.T
    inverse = np.linalg.inv(points @ (v1 + v2) @ points.T)
    np.testing.assert_allclose(
        mahalanobis(a, b, 0.7), np.sqrt(np.einsum("gi,ij,gj->g", difference, inverse, difference)), rtol=1e-8
    )


def test_no_difference(factor):
    a = condition(0)
    assert (mahalanobis(a, a, 0.7) == 0).all()
    fit = fit_cells([a[0], a[0]], [a[1], a[1]], 0.7)
    assert (distances_from(fit.fold_change_covariance(1), 0 * fit.fold_change(1))(factor, slice(None)) == 0).all()
