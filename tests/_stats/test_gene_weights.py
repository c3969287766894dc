"""Weights of the genes: expected z by hand, likelihood ratios, and what weights find in simulations."""

import numpy as np
import pytest
from scipy.stats import norm

from kompot_scverse._stats.combine import benjamini_hochberg
from kompot_scverse._stats.gene_weights import LEAST, LIKELIHOOD_RATIO, expected_z, gene_weights
from kompot_scverse._stats.linear_model import SampleDesign, fit_linear
from kompot_scverse._stats.moderated import moderated_test

N_GENES = 2000
EVERY = np.ones(N_GENES, dtype=bool)


def expected(matrix: np.ndarray, contrast: np.ndarray, level: np.ndarray, sd: float = 0.3, seed: int = 0) -> np.ndarray:
    """Of genes with this standard deviation between samples, all with the same weight."""
    rng, design = np.random.default_rng(seed), SampleDesign(matrix.astype(float), contrast.astype(float))
    means = level + sd * rng.normal(size=(len(matrix), N_GENES))
    fit = fit_linear(means, np.eye(len(matrix)), design)
    return expected_z(moderated_test(fit, np.linspace(0, 1, N_GENES)), design, level)


def two_groups(*sizes: int) -> np.ndarray:
    return np.column_stack([np.ones(sum(sizes)), np.repeat([0.0, 1.0], sizes)])


@pytest.mark.parametrize("sizes", [(4, 4), (2, 6)])
def test_two_groups_differ_by_the_change_over_its_standard_error(sizes):
    level = np.linspace(0.1, 4, N_GENES)
    x = np.expm1(level)
    by_hand = np.log((1 + x) / (1 + x / 2)) / (0.3 * np.sqrt(1 / sizes[0] + 1 / sizes[1]))
    ratio = expected(two_groups(*sizes), np.array([0.0, 1.0]), level) / by_hand
    assert ratio.mean() == pytest.approx(1, rel=0.02)
    # one variance is the median of 40 genes
    np.testing.assert_allclose(ratio, 1, rtol=0.2)


def test_units_of_a_covariate_do_not_matter():
    level = np.full(N_GENES, 2.0)
    days = np.column_stack([np.ones(6), np.arange(6.0)])
    by_day = expected(days, np.array([0, 1.0]), level)
    by_hour = expected(days * [1, 24], np.array([0, 1.0]), level)
    np.testing.assert_allclose(by_hour, by_day, rtol=1e-9)
    # as a difference of two groups: of the means that the slope weighs by the distance from day 2.5
    groups = expected(two_groups(3, 3), np.array([0, 1.0]), level)
    assert np.mean(by_day / groups) == pytest.approx(9 / np.sqrt(6 * 17.5), rel=0.03)


def test_values_below_zero_change_alike_at_every_level():
    level = np.linspace(-1, 4, N_GENES)
    found = expected(two_groups(3, 3), np.array([0.0, 1.0]), level)
    by_hand = np.log(2) / (0.3 * np.sqrt(2 / 3))
    assert found.mean() == pytest.approx(by_hand, rel=0.02)
    np.testing.assert_allclose(found, by_hand, rtol=0.2)


def test_several_contrasts_have_equal_weights():
    three = np.column_stack([np.ones(9), np.repeat(np.eye(3)[1:].T, 3, axis=0)])
    found = expected(three, np.eye(3)[:, 1:], np.full(N_GENES, 2.0))
    assert np.isnan(found).all()
    np.testing.assert_array_equal(gene_weights(found[None], np.ones((1, N_GENES)), EVERY), 1.0)


def test_every_gene_is_called_from_the_same_likelihood_ratio_on():
    tau = np.linspace(0.5, 8, N_GENES)
    weight = gene_weights(tau[None], np.ones((1, N_GENES)), EVERY)
    assert weight.mean() == pytest.approx(1)
    assert weight.min() >= LEAST
    # the p of the weights, up to their common factor: known for one gene, and so for all
    share = (weight - LEAST) / (1 - LEAST)
    z = norm.isf(share * norm.sf(_where(tau[-1])) / share[-1])
    ratio = norm.pdf(z, scale=np.sqrt(1 + tau**2)) / norm.pdf(z)
    np.testing.assert_allclose(ratio, LIKELIHOOD_RATIO, rtol=1e-4)


def _where(tau: float) -> float:
    """Where the ratio is reached, on a fine grid."""
    z = np.linspace(0, 10, 1_000_001)
    return z[np.argmax(norm.logpdf(z, scale=np.sqrt(1 + tau**2)) - norm.logpdf(z) >= np.log(LIKELIHOOD_RATIO))]


def test_nodes_count_as_they_do_in_the_combination():
    tau = np.array([[0.2, 4.0, 4.0, np.nan], [4.0, 0.2, 4.0, np.nan]])
    weight = gene_weights(tau, np.repeat([[0.9], [0.1]], 4, axis=1), np.array([True, True, True, True]))
    assert np.nanmean(weight) == pytest.approx(1)
    assert np.isnan(weight[3])
    seen = (weight[:3] - LEAST) / (weight[2] - LEAST)
    np.testing.assert_allclose(seen, [0.1, 0.9, 1.0], atol=1e-3)


def test_weights_find_more_at_the_same_error():
    rng = np.random.default_rng(0)
    false, found = [], []
    for _ in range(300):
        tau = rng.choice([0.3, 1.0, 3.0], N_GENES, p=[0.6, 0.2, 0.2])
        changed = rng.random(N_GENES) < 0.1
        p = 2 * norm.sf(np.abs(rng.normal(size=N_GENES) * np.where(changed, np.sqrt(1 + tau**2), 1)))
        weight = gene_weights(tau[None], np.ones((1, N_GENES)), EVERY)
        called = np.array([benjamini_hochberg(p, w) <= 0.05 for w in (weight, None)])
        false.append((called & ~changed).sum(axis=1) / np.maximum(called.sum(axis=1), 1))
        found.append(called[:, changed].mean(axis=1))
    assert np.mean(false, axis=0).max() < 0.05
    weighted, equal = np.mean(found, axis=0)
    assert weighted > 1.1 * equal
