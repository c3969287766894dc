"""Distances between samples: against a dense posterior, and where samples differ in a known way."""

import numpy as np
import pytest
from moments import collect_neighborhood_moments

from kompot_scverse._stats.neighborhoods import NeighborhoodMoments, fit_neighborhoods
from kompot_scverse._stats.sample_distances import (
    abundance_distances,
    expression_distances,
    field_distances,
    variance_ratio,
)

N_SAMPLES, N_GENES = 6, 80


def study(seed: int, between: float, batch: float = 0.0) -> tuple[NeighborhoodMoments, np.ndarray, np.ndarray]:
    """Samples 0, 2 and 4 are of a batch that differs in all genes; also weights and expression."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(N_SAMPLES), [40, 60, 80, 50, 70, 90])
    x = rng.normal(size=(len(codes), 2)) + 5 * rng.integers(0, 2, len(codes))[:, None]
    weights = fit_neighborhoods(x, 3).weights(x)
    own = between * rng.normal(size=(N_SAMPLES, 3, N_GENES))
    own += batch * (np.arange(N_SAMPLES) % 2 == 0)[:, None, None] * rng.normal(size=N_GENES)
    y = 2 + np.einsum("cj,cjg->cg", weights, own[codes]) + rng.normal(size=(len(codes), N_GENES))
    return collect_neighborhood_moments(weights, y, codes), weights, y


def test_they_are_those_of_the_dense_posterior() -> None:
    moments, weights, y = study(0, 0.3)
    codes, ratio, sd = np.repeat(np.arange(N_SAMPLES), [40, 60, 80, 50, 70, 90]), 0.2, np.linspace(0.5, 2, N_GENES)
    # all cells at once: w = mean + deviation, the mean known up to a prior of next to no information
    own = np.zeros((len(y), N_SAMPLES, 3))
    own[np.arange(len(y)), codes] = weights
    own = own.reshape(len(y), -1)
    prior = np.kron(np.eye(N_SAMPLES), ratio * np.eye(3)) + np.kron(np.ones((N_SAMPLES, N_SAMPLES)), 1e6 * np.eye(3))
    posterior = np.linalg.solve(np.linalg.inv(prior) + own.T @ own, own.T @ y).reshape(N_SAMPLES, 3, N_GENES)
    metric = np.eye(3) / ratio + np.mean(
        [weights[codes == s].T @ weights[codes == s] for s in range(N_SAMPLES)], axis=0
    )
    expected = np.zeros((N_SAMPLES, N_SAMPLES))
    for first in range(N_SAMPLES):
        for second in range(N_SAMPLES):
            change = posterior[first] - posterior[second]
            squared = np.einsum("jg,jk,kg->g", change, metric, change) / sd**2
            expected[first, second] = np.sqrt(squared.mean() / metric.sum())
    found = field_distances(moments.gram, moments.sums, sd, ratio)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


def test_the_variance_between_samples_is_found_without_their_condition() -> None:
    found = []
    for seed in range(8):
        moments, _, _ = study(seed, 0.5)
        found.append(variance_ratio(moments.mass, moments.sums, np.ones(N_GENES)))
    # weights of neighbours share cells, which smooths a little
    assert 0.2 < np.mean(found) < 0.3
    moments, _, _ = study(0, 0.0)
    assert variance_ratio(moments.mass, moments.sums, np.ones(N_GENES)) < 0.02


def test_the_unit_is_the_standard_deviation_of_a_cell() -> None:
    """A difference of two standard deviations in every gene and cell, with so many cells that nothing is shrunk."""
    rng = np.random.default_rng(0)
    codes, weights = np.repeat([0, 1], 3000), np.full((6000, 1), 1.0)
    y = np.where(codes == 1, 2.0, 0.0)[:, None] + rng.normal(size=(6000, 40))
    found = expression_distances(collect_neighborhood_moments(weights, y, codes), np.ones(40, dtype=bool))
    # the condition is within the variance of the pooled cells
    assert found[0, 1] == pytest.approx(2 / np.sqrt(2), rel=0.02)


def test_a_batch_is_what_sets_samples_apart() -> None:
    moments, _, _ = study(1, 0.1, batch=0.5)
    found = expression_distances(moments, np.ones(N_GENES, dtype=bool))
    batch = np.arange(N_SAMPLES) % 2
    same = (batch[:, None] == batch) & ~np.eye(N_SAMPLES, dtype=bool)
    assert found[same].max() < found[batch[:, None] != batch].min()
    np.testing.assert_array_equal(found, found.T)
    # genes that do not count change nothing
    some = np.arange(N_GENES) < 40
    of_some = NeighborhoodMoments(moments.mass, moments.gram, moments.sums[:, :, some], moments.squares[:, some])
    np.testing.assert_allclose(
        expression_distances(moments, some), expression_distances(of_some, np.ones(40, dtype=bool))
    )


def test_abundance_is_compared_by_log_odds() -> None:
    # half of the cells against four fifths, with neighbourhoods that share no cells
    mass = np.array([[500.0, 500.0], [800.0, 200.0], [510.0, 490.0]])
    found = abundance_distances(mass, np.stack([np.diag(own) for own in mass]))
    assert found[0, 1] == pytest.approx(np.log(4), rel=0.02)
    assert found[0, 2] < 0.06
    # a sample of few cells is drawn to the others
    mass[1] = [8.0, 2.0]
    assert abundance_distances(mass, np.stack([np.diag(own) for own in mass]))[0, 1] < 0.5 * found[0, 1]


def test_without_cells_to_compare_all_are_alike() -> None:
    assert not abundance_distances(np.ones((3, 2)), np.stack([np.eye(2)] * 3)).any()
    moments, _, _ = study(0, 0.1)
    assert not expression_distances(moments, np.zeros(N_GENES, dtype=bool)).any()
