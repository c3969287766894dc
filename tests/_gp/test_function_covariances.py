"""Covariances of functions against dense formulas of the Gaussian process, cell by cell."""

import numpy as np
import pytest
from dense_model import CONDITIONS, POINTS, RANK, Case

from kompot_scverse._gp.evidence import Grid
from kompot_scverse._gp.function_covariances import Function, Joint, function_variances, joint_covariances


@pytest.fixture(scope="module")
def case() -> Case:
    return Case(CONDITIONS["two"])


def dense(case: Case, point: np.ndarray, a: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Posterior covariance of Σ aⱼ (mⱼ + βⱼ(x)) over the noise at new places, with flat means."""
    _, _, _, _, inverse = case.generalized_least_squares(point)
    x = case.design[case.codes]
    cross = (new @ case.phi.T) * (x[:, 1:] @ a[1:] * point[2] + a[0] * point[1])
    left = np.outer(np.ones(len(new)), a) - cross @ inverse @ x
    prior = (new @ new.T) * (point[1] * a[0] ** 2 + point[2] * (a[1:] @ a[1:]))
    return prior - cross @ inverse @ cross.T + left @ np.linalg.solve(x.T @ inverse @ x, left.T)


def test_variances_at_all_points_of_the_grid(case: Case) -> None:
    new = np.random.default_rng(1).normal(size=(7, RANK))
    for a in (case.design[0], case.design[-1] - case.design[0]):
        found = function_variances(case.model, Grid(POINTS), Function(a), np.column_stack([np.ones(7), new]))
        expected = np.stack([dense(case, point, a, new).diagonal() for point in POINTS], axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-10)


def test_covariances_of_two_functions_give_those_of_their_combinations(case: Case) -> None:
    new = np.random.default_rng(1).normal(size=(7, RANK))
    features = np.column_stack([np.ones(7), new])
    columns = np.stack([case.design[0], case.design[-1]])
    for point in POINTS:
        joint = Joint(columns, np.array([[1.0, 0.0], [-1.0, 1.0]]))
        matrices, _ = joint_covariances(case.model, Grid(point[None]), joint, features)
        first, both, second = matrices[0]
        difference = features @ (first - both - both.T + second) @ features.T
        expected = dense(case, point, columns[1] - columns[0], new)
        np.testing.assert_allclose(difference, expected, rtol=1e-7, atol=1e-9)
