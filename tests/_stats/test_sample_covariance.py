"""The low-rank factor against numpy's covariance of the replicates' posterior means."""

import dask.array as da
import numpy as np
import pytest

from kompot_scverse._gp.posterior import posterior
from kompot_scverse._stats import sample_covariance as module
from kompot_scverse._stats.expression import fit_expression
from kompot_scverse._stats.sample_covariance import sample_covariance

SAMPLES, RANK, GENES = 5, 6, 9


@pytest.fixture(scope="module")
def moments():
    rng = np.random.default_rng(0)
    phi, y = rng.normal(size=(SAMPLES, 30, RANK)), rng.normal(size=(SAMPLES, 30, GENES))
    return phi.transpose(0, 2, 1) @ phi, y.transpose(0, 2, 1) @ phi


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(1).normal(size=(8, RANK))


def means(moments, sigma, replicates, points):
    """Replicates × genes × points."""
    return np.stack([posterior(moments[0][s], moments[1][s], sigma).weights @ points.T for s in replicates])


@pytest.mark.parametrize("sigma", [0.6, 2.0])
@pytest.mark.parametrize("replicates", [[0, 3], [1, 2, 4], [0, 1, 2, 3, 4]])
def test_against_numpy(moments: tuple[np.ndarray, np.ndarray], points, sigma, replicates):
    found = sample_covariance(*moments, sigma, np.array(replicates))
    smoothed = means(moments, sigma, replicates, points)
    for gene in range(GENES):
        expected = np.cov(smoothed[:, gene], rowvar=False, ddof=1)
        np.testing.assert_allclose(found.dense(points, gene), expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.variance(points), smoothed.var(axis=0, ddof=1).T, rtol=1e-8)


def test_lazy_and_chunked_over_genes(moments: tuple[np.ndarray, np.ndarray], monkeypatch):
    whole = sample_covariance(*moments, 0.6, np.array([0, 1, 2])).factor
    monkeypatch.setattr(module, "CHUNK", 4)
    chunked = sample_covariance(*moments, 0.6, np.array([0, 1, 2])).factor
    assert isinstance(chunked, da.Array)
    assert chunked.chunks == ((4, 4, 1), (RANK,), (3,))
    np.testing.assert_allclose(chunked.compute(), whole.compute(), rtol=1e-12)


def test_joined_is_the_sum(moments: tuple[np.ndarray, np.ndarray], points):
    a = sample_covariance(*moments, 0.6, np.array([0, 1]))
    b = sample_covariance(*moments, 0.6, np.array([2, 3, 4]))
    joined = np.asarray(a.joined(b)[2])
    np.testing.assert_allclose(
        points @ joined @ joined.T @ points.T, a.dense(points, 2) + b.dense(points, 2), atol=1e-10
    )


def test_one_replicate(moments: tuple[np.ndarray, np.ndarray]):
    with pytest.raises(ValueError, match="at least 2"):
        sample_covariance(*moments, 0.6, np.array([3]))


def test_distance_equals_the_dense_formula(moments: tuple[np.ndarray, np.ndarray]):
    """Conditions of samples {0, 1} and {2, 3, 4}; sample 4 is no replicate but counts for its condition."""
    sigma = 0.6
    replicates = [np.array([0, 1]), np.array([2, 3])]
    fit = fit_expression(*moments, sigma, [np.array([0, 1]), np.array([2, 3, 4])], replicates)
    eye = np.eye(RANK)
    total, weights = [], []
    for members in ([0, 1], [2, 3, 4]):
        covariance = np.linalg.inv(eye + moments[0][members].sum(axis=0) / sigma**2)
        total.append(covariance)
        weights.append(moments[1][members].sum(axis=0) @ covariance / sigma**2)
    delta = weights[1] - weights[0]
    np.testing.assert_allclose(fit.fold_change(1), delta, rtol=1e-8, atol=1e-10)
    own = [means(moments, sigma, members, eye) for members in replicates]
    for gene in range(GENES):
        full = sum(total) + sum(np.cov(w[:, gene], rowvar=False, ddof=1) for w in own)
        expected = np.sqrt(delta[gene] @ np.linalg.inv(full) @ delta[gene])
        assert fit.distance(1)[gene] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("kept", [True, False])
def test_everything_is_computed_once(moments: tuple[np.ndarray, np.ndarray], monkeypatch, kept):
    calls = []
    plain = module.posterior_weights
    monkeypatch.setattr(module, "posterior_weights", lambda *args: calls.append(args) or plain(*args))
    monkeypatch.setattr(module, "CHUNK", 4)
    members = [np.array([0, 1]), np.array([2, 3, 4]), np.array([0, 4])]
    lazy = fit_expression(*moments, 0.6, members, members)
    expected = [covariance.factor.compute() for covariance in lazy.covariances]
    distances = [lazy.distance(group) for group in (1, 2)]
    calls.clear()
    done = lazy.computed((lambda shape: np.empty(shape, np.float32)) if kept else None)
    for group, distance in enumerate(distances, start=1):
        # from the exact factors, not from those that are kept in float32
        np.testing.assert_allclose(done.distance(group), distance, rtol=1e-12)
    assert len(calls) == 3 * (2 + 3 + 2)  # chunks of genes × replicates
    if not kept:
        assert done.covariances is None
        return
    for covariance, values in zip(done.covariances, expected, strict=True):
        assert covariance.kept.dtype == np.float32
        np.testing.assert_allclose(covariance.kept, values, rtol=1e-6, atol=1e-7)
        assert covariance.factor.chunks == ((4, 4, 1), (RANK,), (values.shape[2],))


def test_nothing_to_compute_without_replicates(moments: tuple[np.ndarray, np.ndarray]):
    fit = fit_expression(*moments, 0.6, [np.array([0, 1]), np.array([2, 3])], None)
    assert fit.computed(np.empty) is fit
