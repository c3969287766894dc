"""The score test of the cells against a dense formula, its null distribution, and planted changes."""

import numpy as np
import pytest

from kompot_scverse._gp.sample_sums import SampleSums
from kompot_scverse._stats.combine import cauchy_combination
from kompot_scverse._stats.score_testing import EFFECTS, STATES, score_test
from kompot_scverse._stats.weighted_chi2 import matched_chi2, matched_sf


def sums_of(features: np.ndarray, y: np.ndarray, is_group: np.ndarray) -> SampleSums:
    own = [~is_group, is_group]
    return SampleSums(
        np.stack([features[rows].T @ features[rows] for rows in own]),
        np.stack([y[rows].T @ features[rows] for rows in own]),
        np.stack([np.square(y[rows]).sum(axis=0) for rows in own]),
    )


@pytest.fixture(scope="module")
def cells() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    phi = rng.normal(size=(300, 5)) / np.sqrt(5)
    return np.column_stack([np.ones(300), phi]), rng.random(300) < 0.4


SIDES = np.array([False, True])


def test_p_is_that_of_the_dense_score(cells: tuple[np.ndarray, np.ndarray]):
    features, is_group = cells
    rng = np.random.default_rng(1)
    y = features @ rng.normal(size=(6, 3)) + rng.normal(size=(300, 3)) + 0.2 * is_group[:, None]
    found = score_test(sums_of(features, y, is_group), SIDES)
    n, phi = len(y), features[:, 1:]
    centred = is_group - is_group.mean()
    effect = features * centred[:, None]
    for gene in range(3):
        fits = []
        for state in STATES:
            inverse = np.linalg.inv(np.eye(n) + state * phi @ phi.T)
            total = inverse.sum()
            projected = inverse - inverse.sum(axis=1)[:, None] * inverse.sum(axis=0) / total
            residual = y[:, gene] @ projected @ y[:, gene]
            reml = -0.5 * ((n - 1) * np.log(residual) - np.linalg.slogdet(inverse)[1] + np.log(total))
            fits.append((reml, projected, residual / (n - 1)))
        _, projected, sigma2 = max(fits, key=lambda fit: fit[0])
        z, m = effect.T @ projected @ y[:, gene], effect.T @ projected @ effect
        pvalues = []
        for ratio in EFFECTS:
            inner = np.linalg.inv(m + np.eye(len(m)) / ratio)
            weights = np.linalg.eigvals(m @ inner).real
            pvalues.append(matched_sf(z @ inner @ z / sigma2, matched_chi2(weights)))
        np.testing.assert_allclose(found[gene], cauchy_combination(np.array(pvalues)), rtol=1e-6)


def test_p_is_uniform_where_nothing_differs(cells: tuple[np.ndarray, np.ndarray]):
    features, is_group = cells
    rng = np.random.default_rng(2)
    y = features @ (rng.normal(size=(6, 3000)) * rng.exponential(size=3000)) + rng.normal(size=(300, 3000))
    p = score_test(sums_of(features, y, is_group), SIDES)
    assert 0.04 < (p < 0.05).mean() < 0.06
    assert (p < 0.001).mean() <= 0.003


def test_changes_are_found_and_swapping_the_conditions_changes_nothing(cells: tuple[np.ndarray, np.ndarray]):
    features, is_group = cells
    rng = np.random.default_rng(3)
    y = features @ rng.normal(size=(6, 40)) + rng.normal(size=(300, 40))
    # everywhere, and along the first feature only
    y[is_group, :10] += 0.8
    y[:, 10:20] += 1.5 * (is_group * features[:, 1])[:, None]
    p = score_test(sums_of(features, y, is_group), SIDES)
    assert np.median(p[:20]) < 1e-3
    assert np.median(p[20:]) > 0.1
    np.testing.assert_allclose(score_test(sums_of(features, y, ~is_group), SIDES), p, rtol=1e-8)


def test_genes_without_variation_have_no_p(cells: tuple[np.ndarray, np.ndarray]):
    features, is_group = cells
    y = np.column_stack([np.full(300, 1.5), np.zeros(300), np.random.default_rng(4).normal(size=300)])
    np.testing.assert_array_equal(np.isnan(score_test(sums_of(features, y, is_group), SIDES)), [True, True, False])


@pytest.mark.parametrize(
    "weights", [[1.0] * 5, [1.0, 0.3, 0.1, 0.01], [2.0, 1e-8, 1e-9]], ids=["equal", "falling", "one"]
)
def test_tail_of_the_weighted_sum_is_that_of_draws(weights: list[float]):
    w = np.array(weights)
    draws = np.square(np.random.default_rng(5).normal(size=(40_000, len(w)))) @ w
    p = matched_sf(draws, matched_chi2(w))
    # an approximation of the upper tail
    for level, error in ((0.2, 0.01), (0.05, 0.005), (0.001, 0.0006)):
        assert abs((p < level).mean() - level) < error
