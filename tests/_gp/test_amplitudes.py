"""Evidence of amplitudes against the density of a normal distribution, and their choice against the whole grid."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from kompot_scverse._gp.amplitudes import (
    GRID,
    Marginal,
    choose_amplitudes,
    chosen_variances,
    log_evidence,
    solve_prior,
)

RNG = np.random.default_rng(0)
PHI = RNG.normal(size=(60, 5))
BLOCKS = np.array([0, 0, 0, 1, 1])
Y = PHI[:, :3] @ RNG.normal(size=3) + RNG.normal(size=60)
HESSIAN, LINEAR = PHI.T @ PHI, PHI.T @ Y


@pytest.mark.parametrize("values", [(1.0, 0.1), (10.0, 0.0), (0.0, 0.0)])
def test_evidence_and_mode_are_those_of_linear_regression(values):
    """Of y = Φw + noise of variance 1, the likelihood of w is H = ΦᵀΦ and b = Φᵀy up to what does not depend on w."""
    variances = np.array(values)[BLOCKS]
    mode, covariance, evidence, determinant = solve_prior(HESSIAN, LINEAR, variances)
    marginal = np.eye(60) + PHI @ np.diag(variances) @ PHI.T
    expected = multivariate_normal(cov=marginal).logpdf(Y) - multivariate_normal(cov=np.eye(60)).logpdf(Y)
    assert evidence == pytest.approx(expected, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(mode, variances * (PHI.T @ np.linalg.solve(marginal, Y)), atol=1e-10)
    prior = np.diag(variances)
    np.testing.assert_allclose(
        covariance, prior - prior @ PHI.T @ np.linalg.solve(marginal, PHI @ prior), rtol=1e-8, atol=1e-10
    )
    assert determinant == pytest.approx(-np.linalg.slogdet(marginal)[1] / 2)


def test_the_choice_is_the_best_of_the_whole_grid():
    values = np.append(GRID, 0.0)
    every = list(product(range(len(values)), repeat=2))
    evidence = [solve_prior(HESSIAN, LINEAR, values[list(one)][BLOCKS])[2] for one in every]
    best = every[int(np.argmax(evidence))]
    found = choose_amplitudes(HESSIAN, LINEAR, BLOCKS)
    np.testing.assert_array_equal(values[found], values[list(best)])
    # a block that changes nothing has amplitude 0, and a good start ends where the search over all does
    assert choose_amplitudes(HESSIAN, np.zeros(5), BLOCKS).tolist() == [-1, -1]
    np.testing.assert_array_equal(choose_amplitudes(HESSIAN, LINEAR, BLOCKS, start=found), found)


def test_several_fields_of_one_amplitude_add_their_evidence():
    several = choose_amplitudes(HESSIAN, np.column_stack([LINEAR] * 20), BLOCKS)
    values = np.append(GRID, 0.0)
    # of one kind, they have the evidence of one times their number, which is largest at the same amplitudes
    np.testing.assert_array_equal(values[several], values[choose_amplitudes(HESSIAN, LINEAR, BLOCKS)])


def test_beside_regions_the_variances_of_fields_are_means_over_the_grid():
    blocks = np.array([0, 0, 1, 1, 2])
    position = np.array([-1, 4, 6])
    found = chosen_variances(HESSIAN, LINEAR, blocks, position)
    values = np.append(GRID, 0.0)
    weights = [np.exp(log_evidence(HESSIAN, LINEAR, np.array([v, GRID[4], GRID[6]])[blocks])) for v in values]
    assert found[0] == pytest.approx(np.average(values, weights=weights))
    assert found[2] == GRID[6]
    # without a region they are as chosen
    np.testing.assert_array_equal(chosen_variances(HESSIAN, LINEAR, BLOCKS, np.array([3, -1])), [GRID[3], 0.0])


@pytest.mark.parametrize("first", [np.array([1, 1, 1, 0, 0], dtype=bool), np.array([0, 1, 0, 1, 0], dtype=bool)])
@pytest.mark.parametrize("columns", [1, 3])
def test_weights_integrated_out_leave_the_evidence_as_it_is(first, columns):
    linear = PHI.T @ RNG.normal(size=(60, columns))
    marginal = Marginal(HESSIAN, linear, first)
    others = np.array([0.0, 0.3, 2.0])[-np.count_nonzero(~first) :]
    for variance in (0.0, 0.1, 10.0):
        variances = np.empty(5)
        variances[first], variances[~first] = variance, others
        expected = log_evidence(HESSIAN, linear, variances)
        assert marginal.log_evidence(variance, others) == pytest.approx(expected, rel=1e-10)
        assert marginal.log_evidence(variance, 0 * others) == pytest.approx(
            log_evidence(HESSIAN, linear, np.where(first, variance, 0.0)), rel=1e-10, abs=1e-12
        )
