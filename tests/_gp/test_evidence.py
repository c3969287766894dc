"""Marginal likelihoods against the dense model."""

import numpy as np
import pytest
from dense_model import CONDITIONS, POINTS, Case, SmoothCase, sample_sums
from scipy.linalg import null_space
from scipy.stats import multivariate_normal

from kompot_scverse._gp.evidence import (
    Grid,
    evidence_of,
    independent_grid,
    log_evidence,
    ratio_grid,
)
from kompot_scverse._gp.grid_prior import grid_posterior, grid_prior
from kompot_scverse._gp.right_hands import RightHands
from kompot_scverse._gp.varying_coefficients import contrast_design


@pytest.fixture(scope="module", params=list(CONDITIONS))
def case(request: pytest.FixtureRequest) -> Case:
    return Case(CONDITIONS[request.param])


def test_evidence_is_the_restricted_likelihood_of_the_dense_model(case: Case):
    found = log_evidence(case.model, case.sums, Grid(POINTS), hopeless=np.inf)
    dense = np.stack([case.generalized_least_squares(point)[3] for point in POINTS], axis=1)
    np.testing.assert_allclose(found, dense - dense.max(axis=1, keepdims=True), rtol=0, atol=1e-8)


def test_with_a_given_noise_it_is_the_density_of_what_the_flat_coefficients_leave(case: Case):
    grid = Grid(POINTS, 0.7)
    found = log_evidence(case.model, case.sums, grid, hopeless=np.inf)
    rest = null_space(case.design[case.codes].T)
    dense = np.stack(
        [
            multivariate_normal(cov=0.7 * rest.T @ case.covariance(*point) @ rest).logpdf((rest.T @ case.y).T)
            for point in POINTS
        ],
        axis=1,
    )
    np.testing.assert_allclose(found, dense - dense.max(axis=1, keepdims=True), rtol=0, atol=1e-8)


@pytest.mark.parametrize(("samples", "hopeless"), [(False, 8), (True, 8), (True, 10)])
@pytest.mark.parametrize("noise", [None, 1.5])
def test_points_that_are_not_tried_have_no_probability(samples: bool, hopeless: float, noise: float | None):
    case, grid = SmoothCase(), ratio_grid(samples=samples, noise=noise)
    every = log_evidence(case.model, case.sums, grid, hopeless=np.inf)
    found = log_evidence(case.model, case.sums, grid, hopeless=hopeless)
    tried = np.isfinite(found)
    assert 0.05 < (~tried).mean()
    np.testing.assert_allclose(found[tried], every[tried], rtol=0, atol=1e-9)
    assert every[~tried].max() < -hopeless


def test_a_gene_whose_likelihood_falls_before_it_rises_is_followed_at_all_ratios_of_the_samples():
    """It varies along one axis of the states, which small ratios do not reach."""
    case, rng = SmoothCase(), np.random.default_rng(0)
    along = (case.features @ case.model.axes)[:, 4:8]
    y = np.hstack([size * along / along.std(axis=0) for size in (1, 2, 3)])
    y += rng.normal(size=y.shape) + 0.05 * rng.normal(size=(4, 12))[np.repeat(np.arange(4), 60)]
    sums, grid = sample_sums(case.features, y, np.repeat(np.arange(4), 60), 4), ratio_grid(samples=True)
    probability = np.exp(log_evidence(case.model, sums, grid, hopeless=np.inf))
    probability /= probability.sum(axis=1, keepdims=True)
    tried = np.isfinite(log_evidence(case.model, sums, grid))
    assert not tried.all()
    assert (probability * ~tried).sum(axis=1).max() < 1e-6


@pytest.mark.parametrize("samples", [False, True])
def test_the_posterior_is_the_same_without_points_that_the_prior_makes_unlikely(samples: bool):
    case, grid = SmoothCase(), ratio_grid(samples=samples)
    evidence = log_evidence(case.model, case.sums, grid, hopeless=np.inf)
    prior = grid_prior(evidence)
    found = evidence_of(RightHands(case.model, case.sums), grid, prior=prior)
    assert np.isfinite(found).sum() < np.isfinite(log_evidence(case.model, case.sums, grid)).sum()
    np.testing.assert_allclose(grid_posterior(found, prior), grid_posterior(evidence, prior), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("samples", [False, True])
@pytest.mark.parametrize("effects", [False, True])
def test_the_grid_is_walked_once_with_growing_ratios(samples: bool, effects: bool):
    grid = ratio_grid(samples=samples, effects=effects)
    assert len(np.unique(grid.points, axis=0)) == len(grid.points)
    assert (grid.points[:, 2] <= 3.2 * grid.points[:, 1]).all()
    assert (grid.points[:, 0] > 0).any() == samples
    assert (grid.points[:, 2] > 0).any() == effects
    pairs = grid.pairs()
    walked = np.concatenate([numbers for _, states in pairs for _, numbers in states])
    np.testing.assert_array_equal(np.sort(walked), np.arange(len(grid.points)))
    assert [sample for sample, _ in pairs] == sorted({sample for sample, _ in pairs})
    for sample, states in pairs:
        assert [state for state, _ in states] == sorted({state for state, _ in states})
        for state, numbers in states:
            assert (grid.points[numbers, :2] == [sample, state]).all()


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_one_point_of_the_grid_is_that_of_independent_conditions(n):
    grid = independent_grid(n, 0.4)
    design = contrast_design(np.arange(n))
    _, state, effect = grid.points[0] * grid.noise
    prior = state * np.outer(design[:, 0], design[:, 0]) + effect * design[:, 1:] @ design[:, 1:].T
    np.testing.assert_allclose(prior, np.eye(n), atol=1e-14)
