"""Means over the cells of categories, against the plain mean of the posterior field and its dense variance."""

import numpy as np
import pytest
from given_noise import fit_given_noise
from scipy.stats import norm

from kompot_scverse._gp import features
from kompot_scverse._stats.category_statistics import category_means, group_statistics, mean_features
from kompot_scverse._stats.sample_covariance import sample_covariance
from kompot_scverse._stats.variance_between import with_variance_between

RNG = np.random.default_rng(0)
N, RANK, GENES, SIGMA = 90, 4, 5, 0.7
PHI, Y = RNG.normal(size=(N, RANK)), RNG.normal(size=(N, GENES))
CONDITION, CATEGORY = RNG.integers(0, 2, N), RNG.integers(0, 3, N)
SIDES = (CONDITION == 0, CONDITION == 1)


def test_means_over_the_cells_of_both_sides_only():
    codes = np.where(np.arange(N) < 10, -1, CATEGORY)
    sides = (SIDES[0] & (np.arange(N) % 5 > 0), SIDES[1])
    found = category_means(PHI, codes, 3, sides, 1)
    for category in range(3):
        np.testing.assert_allclose(found[category], PHI[(codes == category) & (sides[0] | sides[1])].mean(axis=0))


def test_categories_with_too_few_cells_of_a_side_have_none():
    codes = np.where(SIDES[1], 0, CATEGORY)
    found = category_means(PHI, codes, 3, SIDES, 1)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1:]).all()
    fewest = min(np.sum((CATEGORY == 2) & side) for side in SIDES)
    assert np.isfinite(category_means(PHI, CATEGORY, 3, SIDES, fewest)[2]).all()
    assert np.isnan(category_means(PHI, CATEGORY, 3, SIDES, fewest + 1)[2]).all()


def test_means_do_not_depend_on_the_blocks_nor_on_other_cells(monkeypatch):
    phi = np.where(SIDES[0][:, None], PHI, np.nan)
    expected = PHI[SIDES[0]].mean(axis=0)
    np.testing.assert_allclose(mean_features(phi, SIDES[0]), expected)
    monkeypatch.setattr(features, "BLOCK", 7)
    np.testing.assert_allclose(mean_features(phi, SIDES[0]), expected)


@pytest.mark.parametrize("replicates", [False, True])
def test_mean_and_error_are_those_of_the_field_over_the_cells(replicates):
    """The variance of a mean of cells is the mean of all entries of their covariance matrix."""
    samples = 2 * CONDITION + (np.arange(N) % 2)
    gram = np.stack([PHI[samples == s].T @ PHI[samples == s] for s in range(4)])
    cross = np.stack([Y[samples == s].T @ PHI[samples == s] for s in range(4)])
    members = [np.array([0, 1]), np.array([2, 3])]
    fit = fit_given_noise(gram, cross, SIGMA, members)
    if replicates:
        fit = with_variance_between(fit, [sample_covariance(gram, cross, SIGMA, own) for own in members], np.empty)
    means = category_means(PHI, CATEGORY, 3, SIDES, 10**6 if replicates else 1)
    means[1] = mean_features(PHI, CATEGORY == 1)
    found = group_statistics(fit, means, 1)
    covariances = [np.linalg.inv(np.eye(RANK) + gram[own].sum(axis=0) / SIGMA**2) for own in members]
    weights = [
        cross[own].sum(axis=0) @ covariance / SIGMA**2 for own, covariance in zip(members, covariances, strict=True)
    ]
    own = PHI[CATEGORY == 1]
    field = own @ (weights[1] - weights[0]).T
    np.testing.assert_allclose(found.mean_lfc[:, 1], field.mean(axis=0), rtol=1e-9)
    for gene in range(GENES):
        covariance = sum(covariances)
        if replicates:
            for one in members:
                fits = [cross[s, gene] @ np.linalg.inv(SIGMA**2 * np.eye(RANK) + gram[s]) for s in one]
                covariance = covariance + np.cov(fits, rowvar=False, ddof=1)
        error = np.sqrt((own @ covariance @ own.T).mean())
        assert found.std_error[gene, 1] == pytest.approx(error, rel=1e-7)
        assert found.zscore[gene, 1] == pytest.approx(field[:, gene].mean() / error, rel=1e-7)
        assert found.lfsr[gene, 1] == pytest.approx(norm.cdf(0, abs(field[:, gene].mean()), error), rel=1e-6)
    if replicates:
        assert np.isnan(found.mean_lfc[:, [0, 2]]).all()
        assert np.isnan(found.lfsr[:, [0, 2]]).all()
