"""Normalisation, tail probability and direction against what they are by definition."""

import numpy as np
import pytest
from scipy.stats import norm

from kompot_scverse._keys import DIRECTIONS
from kompot_scverse._stats.abundance import direction, mass_offsets, neg_log10_tail


def test_tail_is_the_normal_distributions():
    z = np.concatenate([np.linspace(0, 40, 401), -np.linspace(0, 40, 401)])
    np.testing.assert_allclose(neg_log10_tail(z), -norm.logsf(np.abs(z)) / np.log(10), rtol=1e-10)
    assert neg_log10_tail(np.array([0.0]))[0] == pytest.approx(np.log10(2))
    assert np.isnan(neg_log10_tail(np.array([np.nan]))[0])


def test_direction_needs_both_thresholds():
    lfc = np.array([2.0, -2.0, 2.0, 0.5, -0.5, 1.0, np.nan])
    significant = np.array([True, True, False, True, False, True, False])
    codes = direction(lfc, significant, lfc_threshold=1.0)
    assert [DIRECTIONS[code] for code in codes] == ["up", "down", "neutral", "neutral", "neutral", "up", "neutral"]


def test_direction_is_that_of_the_test():
    lfc, effect = np.array([-0.2, 0.2, -2.0, 2.0, np.nan, 1.0]), np.array([1.0, -1.0, 1.0, 1.0, 1.0, np.nan])
    found = np.ones(6, dtype=bool)
    codes = direction(lfc, found, lfc_threshold=0.0, effect=effect)
    assert [DIRECTIONS[code] for code in codes] == ["up", "down", "up", "up", "neutral", "neutral"]
    # a threshold on the fold change asks for one on the same side
    codes = direction(lfc, found, lfc_threshold=0.5, effect=effect)
    assert [DIRECTIONS[code] for code in codes] == ["neutral", "neutral", "neutral", "up", "neutral", "neutral"]
    assert (direction(lfc, ~found, lfc_threshold=0.0, effect=effect) == 1).all()


@pytest.fixture(scope="module")
def mixture() -> tuple[np.ndarray, np.ndarray]:
    """True log densities of three normal distributions at cells drawn from all of them, and the cell numbers."""
    rng = np.random.default_rng(0)
    sizes, means = np.array([20_000, 60_000, 40_000]), np.array([0.0, 1.0, -0.5])
    x = np.concatenate([rng.normal(mean, 1, size) for mean, size in zip(means, sizes, strict=True)])
    return norm.logpdf(x, means[:, None], 1), sizes


def test_mass_is_one(mixture):
    """Densities that are off by factors become comparable again."""
    log_densities, sizes = mixture
    wrong = np.array([0.7, -1.1, 0.2])
    offsets = mass_offsets(log_densities + wrong[:, None], sizes)
    # a factor common to all densities cannot be seen from the cells
    np.testing.assert_allclose(np.diff(wrong + offsets), 0, atol=0.02)
    p = np.exp(log_densities + (wrong + offsets)[:, None])
    np.testing.assert_allclose((p / (sizes / sizes.sum() @ p)).mean(axis=1), 1, atol=1e-8)


def test_offsets_follow_the_order_of_the_densities(mixture):
    log_densities, sizes = mixture
    order = [2, 0, 1]
    swapped = mass_offsets(log_densities[order], sizes[order])
    np.testing.assert_allclose(swapped, mass_offsets(log_densities, sizes)[order], atol=1e-10)


def test_disjoint_densities_keep_their_scale():
    log_densities = np.where(np.eye(2, dtype=bool).repeat(50, axis=1), 0.0, -800.0)
    np.testing.assert_allclose(mass_offsets(log_densities, np.array([50, 50])), 0, atol=1e-10)
