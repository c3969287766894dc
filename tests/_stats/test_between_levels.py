"""Variances between samples by level, where they are known."""

import numpy as np
import pytest
from moments import collect_neighborhood_moments

from kompot_scverse._stats.between_levels import between_levels
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.neighborhoods import NeighborhoodMoments, fit_neighborhoods

N_SAMPLES, N_GENES = 10, 400
GROUP = np.arange(N_SAMPLES) % 2


@pytest.fixture(scope="module")
def study() -> tuple:
    """Of genes of higher level samples differ more; half of the variance is that of single states."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(N_SAMPLES), 80)
    state = rng.integers(0, 4, len(codes))
    x = 8 * np.eye(4)[state] + rng.normal(size=(len(codes), 4))
    level = np.linspace(1, 3, N_GENES)
    own = np.sqrt(0.02 * level) * rng.normal(size=(N_SAMPLES, N_GENES))
    of_state = np.sqrt(0.02 * level) * rng.normal(size=(N_SAMPLES, 4, N_GENES))
    change = (GROUP[:, None] - 0.5) * (np.arange(N_GENES) % 2)
    y = level + (own + change)[codes] + of_state[codes, state] + 0.5 * rng.normal(size=(len(codes), N_GENES))
    weights = fit_neighborhoods(x, 4).weights(x)
    return collect_neighborhood_moments(weights, y, codes), level


def test_variances_are_those_of_the_samples_beyond_cells_and_design(study: tuple) -> None:
    moments, level = study
    design = SampleDesign(np.column_stack([np.ones(N_SAMPLES), GROUP]).astype(float), np.array([0.0, 1.0]))
    found = between_levels(moments, design, np.ones(N_GENES, dtype=bool))
    assert len(found.level) == 8
    # a mean over four states has a fourth of their variance; the largest variances are left out
    np.testing.assert_allclose(found.whole, 0.025 * found.level, rtol=0.35)
    np.testing.assert_allclose(found.local, 0.04 * found.level, rtol=0.3)
    assert found.whole.mean() == pytest.approx(0.025 * found.level.mean(), rel=0.12)
    assert found.local.mean() == pytest.approx(0.04 * found.level.mean(), rel=0.2)
    # all genes of a level have the same variance
    assert found.scatter < 0.08
    unchanged = SampleDesign(np.ones((N_SAMPLES, 1)), np.ones(1))
    assert between_levels(moments, unchanged, np.ones(N_GENES, dtype=bool)).whole[0] > 5 * found.whole[0]


def test_genes_with_large_variances_are_left_out_and_made_up_for() -> None:
    rng = np.random.default_rng(2)
    n, cells = 12, 60
    variance = 0.05 * np.exp(0.6 * rng.normal(size=3000) - 0.18)
    means = 2 + np.sqrt(variance + 0.3 / cells) * rng.normal(size=(n, 3000))
    mass = np.full((n, 1), float(cells))
    squares = cells * (np.square(means).sum(axis=0) + n * 0.3)
    moments = NeighborhoodMoments(mass, mass[:, :, None], cells * means[:, None], squares[None])
    design = SampleDesign(np.column_stack([np.ones(n), np.arange(n) % 2]).astype(float), np.array([0.0, 1.0]))
    found = between_levels(moments, design, np.ones(3000, dtype=bool))
    assert found.whole.mean() == pytest.approx(0.05, rel=0.04)
    # in log variance, less what the cells add
    assert found.scatter == pytest.approx(0.36 * (0.05 / 0.055) ** 2, rel=0.2)


def test_too_few_genes_or_samples_tell_nothing(study: tuple) -> None:
    moments, _ = study
    design = SampleDesign(np.column_stack([np.ones(N_SAMPLES), GROUP]).astype(float), np.array([0.0, 1.0]))
    assert between_levels(moments, design, np.arange(N_GENES) < 10) is None
    assert (
        between_levels(moments, SampleDesign(np.eye(N_SAMPLES), np.eye(N_SAMPLES)[0]), np.ones(N_GENES, bool)) is None
    )
