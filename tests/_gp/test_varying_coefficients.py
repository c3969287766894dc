"""The normal equations against those of all fields written out, cell by cell."""

import numpy as np
import pytest
from dense_model import CONDITIONS, RANK, Case

from kompot_scverse._gp.varying_coefficients import VaryingCoefficients, contrast_design, with_constant


@pytest.fixture(scope="module", params=list(CONDITIONS))
def case(request: pytest.FixtureRequest) -> Case:
    return Case(CONDITIONS[request.param])


def by_cells(case: Case) -> np.ndarray:
    """Columns of the design times features along the axes, in the order of the model: cells × coefficients."""
    rotated = case.features @ case.model.axes
    columns = case.design[case.codes]
    return (columns[:, :, None] * rotated[:, None]).reshape(len(rotated), -1)[:, case.model.order]


def without_samples(case: Case, sample: float) -> np.ndarray:
    """Precision of the cells given everything but the fields of the samples, over that of the noise."""
    return np.linalg.inv(np.eye(len(case.codes)) + sample * case.alike * (case.features @ case.features.T))


@pytest.mark.parametrize("sample", [0.0, 0.3, 5.0])
def test_the_fields_of_the_samples_are_integrated_out(case: Case, sample: float):
    x, precision = by_cells(case), without_samples(case, sample)
    np.testing.assert_allclose(case.model.matrix(sample), x.T @ precision @ x, atol=1e-8)
    log_det = -np.linalg.slogdet(precision)[1]
    assert case.model.sample_log_det(sample) == pytest.approx(log_det, rel=1e-9, abs=1e-12)


def test_axes_are_orthonormal_and_their_spread_that_of_the_cells(case: Case):
    np.testing.assert_allclose(case.model.axes.T @ case.model.axes, np.eye(1 + RANK), atol=1e-12)
    rotated = case.phi @ case.model.axes[1:, 1:]
    np.testing.assert_allclose(rotated.T @ rotated, np.diag(case.model.spread), atol=1e-9)
    assert (np.diff(case.model.spread) <= 0).all()


def test_weights_of_a_function_are_the_sum_over_the_columns(case: Case):
    rng = np.random.default_rng(1)
    coefficients, a = rng.normal(size=(3, by_cells(case).shape[1])), rng.normal(size=case.design.shape[1])
    weights = np.zeros((len(coefficients), case.model.n_features))
    case.model.add_weights(coefficients, [(a, weights)])
    found = weights @ case.features.T
    rotated = case.features @ case.model.axes
    expected = coefficients @ (a[None, :, None] * rotated[:, None]).reshape(len(rotated), -1)[:, case.model.order].T
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_axes_without_data_are_left_to_the_prior(case: Case):
    tolerance = float(case.model.spread[1:3].mean())
    model = VaryingCoefficients(case.sums.gram, case.design, tolerances=(tolerance, 0.0))
    a, point = np.arange(1.0, 1 + case.design.shape[1]), np.array([0.0, 1.0, 1.0])
    kept, n_fixed = model.kept(1.0, 1.0)
    n_effects = case.design.shape[1] - 1
    assert n_fixed == 1 + 2 + n_effects
    assert len(kept) == n_fixed + 2 * n_effects
    found = model.left_out(a, point, kept)
    np.testing.assert_allclose(found, [0, 0, 0, *[a @ a] * (RANK - 2)])


def test_the_contrasts_of_the_conditions_are_symmetric():
    design = contrast_design(np.array([0, 1, 2, 3]))
    distance = design[:, None, 1:] - design[None, :, 1:]
    np.testing.assert_allclose(np.square(distance).sum(axis=2), 1 - np.eye(4), atol=1e-12)
    np.testing.assert_allclose(contrast_design(np.array([0, 1]))[:, 1], [-0.5, 0.5])


def test_the_constant_is_missing_where_the_state_is():
    phi = np.array([[1.0, 2.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(with_constant(phi), [[1, 1, 2], [np.nan, np.nan, np.nan]])
