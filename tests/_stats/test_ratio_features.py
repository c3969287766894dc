"""Features of log ratios: what is summed over the cells, dispersion between samples, and which regions differ."""

import numpy as np
import pytest
from scipy.special import expit

from kompot_scverse import GPSettings
from kompot_scverse._gp import over_cells
from kompot_scverse._gp.states import fit_states
from kompot_scverse._stats import ratio_features
from kompot_scverse._stats.log_ratio import SIDES, fit_two
from kompot_scverse._stats.ratio_features import RatioFeatures, n_rough_centers

RNG = np.random.default_rng(0)
N = 600
CLUSTER = np.repeat(np.arange(6), 100)
X = RNG.normal(size=(N, 3)) + 8 * np.eye(6, 3)[CLUSTER] - 8 * np.eye(6, 3, -3)[CLUSTER]
LATE = np.array([False, True])


def features_of(x: np.ndarray) -> RatioFeatures:
    everyone = np.ones(len(x), dtype=bool)
    return RatioFeatures.of(fit_states(x, everyone, "X", GPSettings()), everyone)


@pytest.fixture(scope="module")
def features() -> RatioFeatures:
    return features_of(X)


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    """Cells of the fourth cluster are mostly of the second condition; ten take no part."""
    found = (np.random.default_rng(1).random(N) < expit(2.0 * (CLUSTER == 3) - 0.3)).astype(np.intp)
    found[:10] = -1
    return found


def chosen(features: RatioFeatures, codes: np.ndarray) -> np.ndarray:
    """Features of all cells for two conditions."""
    return features.choose(codes, SIDES).cells.features[:]


def test_few_cells_have_few_rough_centers():
    assert [n_rough_centers(n) for n in (1, 19, 200)] == [1, 1, 20]
    assert n_rough_centers(10**7) == n_rough_centers(10**8)


def test_the_rough_basis_belongs_to_the_cells_in_any_order(features):
    order = RNG.permutation(N)
    np.testing.assert_allclose(features_of(X[order]).rough.features(X), features.rough.features(X), atol=1e-8)


def test_a_type_that_changes_is_a_region(features, codes):
    own = features.choose(codes, SIDES)
    regions = own.cells.features[:][:, len(features.blocks) :]
    assert regions.shape[1] == 1
    inside = regions[:, 0] > 0.5
    assert np.mean(inside == (CLUSTER == 3)) > 0.98
    assert own.blocks[-1] == 2
    assert own.log_odds_change == pytest.approx(-np.log(len(features.nodes)))
    fit, _ = fit_two(features, codes, LATE, samples=False)
    lfc, _ = fit.at(own.cells)
    assert lfc[inside].mean() - lfc[~inside].mean() == pytest.approx(2.0, abs=0.6)
    assert np.std(lfc[~inside]) < 0.1


def test_the_choice_does_not_depend_on_direction_order_or_blocks_of_cells(features, codes, monkeypatch):
    expected = chosen(features, codes)
    np.testing.assert_allclose(chosen(features, np.where(codes < 0, codes, 1 - codes)), expected)
    monkeypatch.setattr(over_cells, "BLOCK", 37)
    np.testing.assert_allclose(chosen(features, codes), expected, atol=1e-7)
    order = RNG.permutation(N)
    np.testing.assert_allclose(chosen(features_of(X[order]), codes[order]), expected[order], atol=1e-5)


def test_labels_drawn_at_random_choose_no_region(features):
    found = [len(features.choose(RNG.integers(0, 2, N), SIDES).blocks) - len(features.blocks) for _ in range(20)]
    assert sum(found) <= 2


def test_expansion_is_that_of_the_logistic_likelihood_at_no_change(features, codes, monkeypatch):
    seen = {}

    def caught(hessian, linear, blocks):
        seen.update(hessian=hessian, linear=linear)
        return np.empty(0, dtype=np.intp)

    monkeypatch.setattr(ratio_features, "choose_regions", caught)
    features.choose(codes, SIDES)
    on = codes >= 0
    regions = features.neighborhoods.weights(features.states.x) @ features.nodes.T
    every = np.hstack([features.fields[:], regions])[on]
    p = codes[on].mean()
    centred = every - every.mean(axis=0)
    np.testing.assert_allclose(seen["hessian"], p * (1 - p) * centred.T @ centred, atol=1e-4)
    # the sign of an axis is arbitrary
    np.testing.assert_allclose(np.abs(seen["linear"][:, 0]), np.abs(centred.T @ (codes[on] - p)), atol=1e-4)


def test_dispersion_is_one_of_independent_cells_and_larger_where_samples_differ(features):
    samples = 12
    design = SIDES[np.arange(samples) % 2]
    alike = RNG.integers(0, samples, N)
    weights = RNG.dirichlet(np.full(samples, 0.5), size=6)[CLUSTER].cumsum(axis=1)
    differing = (RNG.random((N, 1)) > weights).sum(axis=1)
    found = []
    for codes in (alike, differing):
        gram, sums, counts = features._sums(codes, samples)
        total = sums.sum(axis=0)
        score = sums - np.outer(counts / counts.sum(), total)
        information = gram - np.outer(total, total) / N
        found.append(ratio_features._dispersion(information, score, counts, design, len(features.blocks)))
    assert 0.7 < found[0] < 1.3
    # a typical region has less than one cell of each sample, which varies as a share of 0.5 does
    assert found[1] > 1.5


def test_two_samples_leave_no_dispersion():
    nothing = np.ones((3, 3))
    assert ratio_features._dispersion(nothing, np.ones((2, 3)), np.ones(2), SIDES, 1) == 1.0
