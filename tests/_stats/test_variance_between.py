"""Posteriors of the conditions with given amplitude and noise, against ridge regression of all cells."""

import numpy as np
import pytest
from given_noise import fit_given_noise

from kompot_scverse._stats.constant_genes import share_constant
from kompot_scverse._stats.sample_covariance import sample_covariance
from kompot_scverse._stats.variance_between import with_variance_between

RNG = np.random.default_rng(1)
N, RANK, GENES, SIGMA = 120, 4, 6, 0.8
PHI = RNG.normal(size=(N, RANK))
SAMPLE = RNG.integers(0, 6, N)
CONDITIONS = [np.array([0]), np.array([1, 2]), np.array([3, 4, 5])]


def moments(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    own = [SAMPLE == s for s in range(6)]
    gram = np.stack([PHI[rows].T @ PHI[rows] for rows in own])
    return gram, np.stack([y[rows].T @ PHI[rows] for rows in own])


def fit(y, constant=True):
    gram, cross = moments(y)
    found = fit_given_noise(gram, cross, SIGMA, CONDITIONS)
    if constant:
        sums = np.stack([PHI[SAMPLE == s].sum(axis=0) for s in range(6)])
        share_constant(found, gram, cross, sums, np.array([0, 1, 1, 2, 2, 2]), SIGMA)
    return found


def ridge(y, cells):
    return np.linalg.solve(PHI[cells].T @ PHI[cells] + SIGMA**2 * np.eye(RANK), PHI[cells].T @ y[cells]).T


@pytest.mark.parametrize("constant", [True, False])
def test_weights_are_ridge_regression_of_the_cells_of_a_condition(constant):
    y = RNG.normal(size=(N, GENES))
    found = fit(y, constant=constant)
    for number, samples in enumerate(CONDITIONS):
        np.testing.assert_allclose(found.weights(number), ridge(y, np.isin(SAMPLE, samples)), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.fold_change(2), found.weights(2) - found.weights(0))


def test_a_gene_with_one_value_has_one_fit_in_the_conditions_that_have_it():
    y = RNG.normal(size=(N, GENES))
    y[:, 0] = 1.5
    y[np.isin(SAMPLE, [0, 3, 4, 5]), 1] = 2.0
    y[np.isin(SAMPLE, [1, 2, 3, 4, 5]), 2] = 2.0
    y[:, 3] = 0.0
    found = fit(y)
    every = np.ones(N, dtype=bool)
    for number in range(3):
        np.testing.assert_allclose(found.weights(number)[0], ridge(y[:, [0]], every)[0], rtol=1e-8)
    shared = ridge(y[:, [1]], np.isin(SAMPLE, [0, 3, 4, 5]))[0]
    np.testing.assert_allclose(found.weights(0)[1], shared, rtol=1e-8)
    np.testing.assert_allclose(found.fold_change(2)[1], 0, atol=1e-12)
    assert np.abs(found.fold_change(1)[1]).max() > 0.01
    # what others share among themselves does not matter: each is compared with the first
    np.testing.assert_allclose(found.weights(1)[2], ridge(y[:, [2]], np.isin(SAMPLE, [1, 2]))[0], rtol=1e-8)
    for number in range(3):
        np.testing.assert_array_equal(found.weights(number)[3], 0)
    # distances are those of what the functions are then, with the covariance of separate fits
    assert found.distance(2)[1] == 0
    for gene, group in ((1, 1), (2, 1), (2, 2), (4, 1)):
        total = sum(
            np.linalg.inv(np.eye(RANK) + PHI[own].T @ PHI[own] / SIGMA**2)
            for own in (np.isin(SAMPLE, CONDITIONS[number]) for number in (0, group))
        )
        change = found.weights(group)[gene] - found.weights(0)[gene]
        assert found.distance(group)[gene] == pytest.approx(np.sqrt(change @ np.linalg.inv(total) @ change), rel=1e-8)


def test_distance_and_variance_without_replicates_are_those_of_the_dense_posterior():
    y = RNG.normal(size=(N, GENES))
    found = fit(y)
    covariance = sum(
        np.linalg.inv(np.eye(RANK) + PHI[cells].T @ PHI[cells] / SIGMA**2)
        for cells in (np.isin(SAMPLE, CONDITIONS[0]), np.isin(SAMPLE, CONDITIONS[2]))
    )
    change = found.fold_change(2)
    expected = np.sqrt(np.einsum("gr,rs,gs->g", change, np.linalg.inv(covariance), change))
    np.testing.assert_allclose(found.distance(2), expected, rtol=1e-8)
    places = RNG.normal(size=(7, RANK))
    np.testing.assert_allclose(
        found.fold_change_variance(places, 2)[0], np.diag(places @ covariance @ places.T), rtol=1e-8
    )


def test_variance_with_replicates_adds_the_variance_between_their_fits():
    y = RNG.normal(size=(N, GENES))
    conditions = [np.array([1, 2]), np.array([3, 4, 5])]
    without = fit_given_noise(*moments(y), SIGMA, conditions)
    covariances = [sample_covariance(*moments(y), SIGMA, members) for members in conditions]
    with_samples = with_variance_between(without, covariances, np.empty)
    places = RNG.normal(size=(7, RANK))
    between = sum(np.var([ridge(y, SAMPLE == s) @ places.T for s in samples], axis=0, ddof=1) for samples in conditions)
    found = with_samples.fold_change_variance(places, 1) - without.fold_change_variance(places, 1)
    np.testing.assert_allclose(found, between, rtol=1e-6, atol=1e-12)
