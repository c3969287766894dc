"""Solutions at many ratios of the effects against solving the equations at each."""

import numpy as np
import pytest
from dense_model import CONDITIONS, N_GENES, Case

from kompot_scverse._gp.right_hands import RightHands


@pytest.fixture(scope="module", params=list(CONDITIONS))
def solved(request: pytest.FixtureRequest):
    """A factor, the right-hand sides of the genes, and the equations without the priors of the effects."""
    case = Case(CONDITIONS[request.param])
    sample, state = 0.2, 1.5
    right, _ = RightHands(case.model, case.sums).at(sample, np.arange(N_GENES))
    matrix, n = case.model.matrix(sample).copy(), case.model.n_features
    matrix[np.arange(1, n), np.arange(1, n)] += 1 / state
    return case.model.factor(sample, state, 2.0), right, matrix, state, n - 1


@pytest.mark.parametrize("effect", [1e-3, 0.5, 2.0])
def test_coefficients_reductions_and_determinants(solved, effect: float):
    factor, right, matrix, state, rank = solved
    ratios = np.array([effect])
    with_prior = matrix.copy()
    fields = np.arange(factor.n_fixed, len(matrix))
    with_prior[fields, fields] += 1 / effect
    expected = np.linalg.solve(with_prior, right.T).T
    fixed, effects = factor.transformed(right, np.arange(len(right)))
    shrink = factor.shrinkage(ratios)
    np.testing.assert_allclose(factor.coefficients(fixed, effects * shrink), expected, rtol=1e-8, atol=1e-9)
    taken = (right * expected).sum(axis=1)
    np.testing.assert_allclose(factor.reductions(fixed, effects, ratios)[:, 0], taken, rtol=1e-9)
    # relative to the prior of state and effects
    log_det = np.linalg.slogdet(with_prior)[1] + rank * np.log(state) + len(fields) * np.log(effect)
    np.testing.assert_allclose(factor.log_dets(ratios), log_det, rtol=1e-9)
    h = np.concatenate([np.ones(factor.n_fixed), shrink[0]])
    np.testing.assert_allclose((factor.transform.T * h) @ factor.transform, np.linalg.inv(with_prior), atol=1e-9)


def test_without_effects_their_coefficients_are_zero(solved):
    factor, right, matrix, *_ = solved
    fixed, effects = factor.transformed(right, np.array([1]))
    none = np.zeros(1)
    m = factor.n_fixed
    found = factor.coefficients(fixed, effects * factor.shrinkage(none))[0]
    np.testing.assert_allclose(found[:m], np.linalg.solve(matrix[:m, :m], right[1, :m]), rtol=1e-8)
    np.testing.assert_array_equal(found[m:], 0)
    assert factor.log_dets(none)[0] == factor.log_det
