"""The low-rank factor against numpy's covariance of the replicates' posterior means."""

import dask.array as da
import numpy as np
import pytest
from given_noise import fit_given_noise

from kompot_scverse._stats import sample_covariance as module
from kompot_scverse._stats.sample_covariance import sample_covariance
from kompot_scverse._stats.variance_between import with_variance_between

SAMPLES, RANK, GENES = 7, 6, 9


@pytest.fixture(scope="module")
def moments():
    rng = np.random.default_rng(0)
    phi, y = rng.normal(size=(SAMPLES, 30, RANK)), rng.normal(size=(SAMPLES, 30, GENES))
    return phi.transpose(0, 2, 1) @ phi, y.transpose(0, 2, 1) @ phi


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(1).normal(size=(8, RANK))


def ridge(gram, cross, sigma):
    return np.linalg.solve(gram + sigma**2 * np.eye(RANK), cross.T).T


def means(moments, sigma, replicates, points):
    """Replicates × genes × points."""
    return np.stack([ridge(moments[0][s], moments[1][s], sigma) @ points.T for s in replicates])


@pytest.mark.parametrize("sigma", [0.6, 2.0])
@pytest.mark.parametrize("replicates", [[0, 3], [1, 2, 4], [0, 1, 2, 3, 4]])
def test_against_numpy(moments: tuple[np.ndarray, np.ndarray], points, sigma, replicates):
    found = sample_covariance(*moments, sigma, np.array(replicates))
    smoothed = means(moments, sigma, replicates, points)
    for gene in range(GENES):
        expected = np.cov(smoothed[:, gene], rowvar=False, ddof=1)
        left = points @ found.factor[gene].compute()
        np.testing.assert_allclose(left @ left.T, expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.variance(points), smoothed.var(axis=0, ddof=1).T, rtol=1e-8)


def test_lazy_and_chunked_over_genes(moments: tuple[np.ndarray, np.ndarray], monkeypatch):
    whole = sample_covariance(*moments, 0.6, np.array([0, 1, 2])).factor
    monkeypatch.setattr(module, "CHUNK", 4)
    chunked = sample_covariance(*moments, 0.6, np.array([0, 1, 2])).factor
    assert isinstance(chunked, da.Array)
    assert chunked.chunks == ((4, 4, 1), (RANK,), (3,))
    np.testing.assert_allclose(chunked.compute(), whole.compute(), rtol=1e-12)


def test_one_replicate(moments: tuple[np.ndarray, np.ndarray]):
    with pytest.raises(ValueError, match="at least 2"):
        sample_covariance(*moments, 0.6, np.array([3]))


def test_distance_equals_the_dense_formula(moments: tuple[np.ndarray, np.ndarray]):
    """Conditions of samples {0, 1} and {2, 3, 4}; sample 4 is no replicate but counts for its condition."""
    sigma = 0.6
    replicates = [np.array([0, 1]), np.array([2, 3])]
    fit = fit_given_noise(*moments, sigma, [np.array([0, 1]), np.array([2, 3, 4])])
    fit = with_variance_between(fit, [sample_covariance(*moments, sigma, members) for members in replicates])
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
    members = [np.array([0, 1]), np.array([2, 3, 4]), np.array([5, 6])]
    lazy = [sample_covariance(*moments, 0.6, own) for own in members]
    expected = [covariance.factor.compute() for covariance in lazy]
    plain_fit = fit_given_noise(*moments, 0.6, members)
    calls.clear()
    done = with_variance_between(plain_fit, lazy, (lambda shape: np.empty(shape, np.float32)) if kept else None)
    assert len(calls) == 3 * (2 + 3 + 2)  # chunks of genes × replicates
    total = [ridge(moments[0][own].sum(axis=0), np.eye(RANK), 0.6) * 0.6**2 for own in members]
    for group in (1, 2):
        # from the exact factors, not from those that are kept in float32
        both = np.concatenate([expected[0], expected[group]], axis=2)
        delta = plain_fit.fold_change(group)
        inverse = np.linalg.inv(total[0] + total[group] + both @ both.transpose(0, 2, 1))
        distance = np.sqrt(np.einsum("gr,grs,gs->g", delta, inverse, delta))
        np.testing.assert_allclose(done.distance(group), distance, rtol=1e-11)
    if not kept:
        assert done.between is None
        return
    for covariance, values in zip(done.between, expected, strict=True):
        assert covariance.kept.dtype == np.float32
        np.testing.assert_allclose(covariance.kept, values, rtol=1e-6, atol=1e-7)
        assert covariance.factor.chunks == ((4, 4, 1), (RANK,), (values.shape[2],))
