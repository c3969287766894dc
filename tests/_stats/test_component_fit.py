"""Coefficient fields of any design: against the dense Gaussian process, and the same however the design is written."""

import numpy as np
import pytest

from kompot_scverse._gp.sample_sums import SampleSums
from kompot_scverse._stats.component_fit import ComponentFit, ComponentModel, FieldDesign
from kompot_scverse._stats.design_matrix import canonical_design

RANK, N_GENES, N_SAMPLES = 3, 40, 12
RNG = np.random.default_rng(0)
CODES = np.repeat(np.arange(N_SAMPLES), RNG.integers(12, 20, N_SAMPLES))
PHI = RNG.normal(size=(len(CODES), RANK)) / np.sqrt(RANK)
FEATURES = np.column_stack([np.ones(len(CODES)), PHI])
AGE = RNG.uniform(20, 80, N_SAMPLES)
SEX = np.tile([0.0, 1, 1], 4)
STAGE = np.eye(3)[np.repeat(np.arange(3), 4)]
MATRIX = np.column_stack([np.ones(N_SAMPLES), AGE, SEX])
SLOPE = RNG.normal(size=(RANK, N_GENES)) * 0.05 * (np.arange(N_GENES) < 20)
Y = 3 + PHI @ RNG.normal(size=(RANK, N_GENES)) + ((AGE - 50)[CODES, None] * PHI) @ SLOPE
Y = Y + 0.2 * RNG.normal(size=(N_SAMPLES, N_GENES))[CODES] + 0.5 * RNG.normal(size=(len(CODES), N_GENES))


def sums() -> SampleSums:
    own = [CODES == sample for sample in range(N_SAMPLES)]
    gram = np.stack([FEATURES[rows].T @ FEATURES[rows] for rows in own])
    cross = np.stack([Y[rows].T @ FEATURES[rows] for rows in own])
    return SampleSums(gram, cross, np.stack([(Y[rows] ** 2).sum(axis=0) for rows in own]))


def fit(design: FieldDesign) -> ComponentFit:
    own = sums()
    model = ComponentModel(own.gram, design, samples=True, points=FEATURES[:20])
    return model.learn_and_fit(own, np.arange(N_GENES), np.arange(N_GENES))


@pytest.fixture(scope="module")
def slopes() -> ComponentFit:
    return fit(FieldDesign.of_matrix(MATRIX, [np.array([0.0, 1, 0]), np.array([0.0, 0, 1])]))


def test_slopes_are_found_where_they_are(slopes: ComponentFit):
    found, truth = FEATURES @ slopes.fold_change(1).T, PHI @ SLOPE
    assert np.corrcoef(found[:, :20].ravel(), truth[:, :20].ravel())[0, 1] > 0.9
    # shrunk, not scaled otherwise
    assert 0.7 < (found[:, :20] * truth[:, :20]).sum() / (truth[:, :20] ** 2).sum() < 1.1
    error = (found - truth) / np.sqrt(slopes.fold_change_variance(FEATURES, 1).T)
    assert 0.6 < np.sqrt(np.mean(error[:, :20] ** 2)) < 1.3


def test_effect_and_its_variance_are_those_of_the_dense_process(slopes: ComponentFit):
    """At the ratios of one gene, with the covariance of all cells written out."""
    own = sums()
    design = FieldDesign.of_matrix(MATRIX, [np.array([0.0, 1, 0])])
    model = ComponentModel(own.gram, design, samples=True, points=FEATURES[:20])
    number = int(np.flatnonzero((model.grid.points == [1e-2, 1.0, 0.1]).all(axis=1))[0])
    only = np.full((N_GENES, len(model.grid.points)), -np.inf)
    only[:, number] = 0.0
    model.prior = np.full(len(model.grid.points), 1 / len(model.grid.points))
    found = model._fit(own, lambda genes, _: only[genes])
    sample, state, effect = model.grid.points[number]
    k, x = PHI @ PHI.T, design.matrix[CODES]
    covariance = np.eye(len(k)) + state * k + sample * (1 + k) * (CODES[:, None] == CODES)
    inverse = np.linalg.inv(covariance + effect * k * (x[:, 1:] @ x[:, 1:].T))
    information = np.linalg.inv(x.T @ inverse @ x)
    flat = information @ x.T @ inverse @ Y
    residual = Y - x @ flat
    sigma2 = np.einsum("ig,ij,jg->g", residual, inverse, residual) / (len(Y) - 3)
    # β of age is a combination a of the canonical coefficients
    a = design.effects[0]
    to_cells = effect * k * (x[:, 1:] @ a[1:])
    mean = (a @ flat)[None] + to_cells @ inverse @ residual
    np.testing.assert_allclose(FEATURES @ found.fold_change(1).T, mean, rtol=0, atol=1e-8 * np.abs(mean).max())
    prior = effect * (a[1:] @ a[1:]) * np.einsum("ir,ir->i", PHI, PHI)
    shared = a[:, None] - x.T @ inverse @ to_cells.T
    variance = prior - np.einsum("ij,jk,ik->i", to_cells, inverse, to_cells)
    variance = variance + np.einsum("ji,jk,ki->i", shared, information, shared)
    np.testing.assert_allclose(found.fold_change_variance(FEATURES, 1), np.outer(sigma2, variance), rtol=0.04)


def test_a_formula_may_be_written_otherwise():
    """Units and offset of a number, and the coding of a category, change nothing."""
    base = fit(
        FieldDesign.of_matrix(np.column_stack([np.ones(N_SAMPLES), STAGE[:, 1:], AGE]), [np.array([0.0, -1, 1, 0])])
    )
    other = fit(FieldDesign.of_matrix(np.column_stack([STAGE, AGE / 10 + 7]), [np.array([0.0, -1, 1, 0])]))
    np.testing.assert_allclose(other.fold_change(1), base.fold_change(1), rtol=0, atol=1e-8)
    np.testing.assert_allclose(other.distance(1), base.distance(1), rtol=1e-6)
    np.testing.assert_allclose(
        other.fold_change_variance(FEATURES, 1), base.fold_change_variance(FEATURES, 1), rtol=1e-5
    )


def test_conditions_are_a_category():
    conditions = np.repeat([0, 1, 2], 4)
    first = fit(FieldDesign.of_conditions(conditions))
    matrix = np.column_stack([np.ones(N_SAMPLES), STAGE[:, 1:]])
    second = fit(FieldDesign.of_matrix(matrix, [np.array([0.0, 1, 0]), np.array([0.0, 0, 1])]))
    for group in (1, 2):
        np.testing.assert_allclose(second.fold_change(group), first.fold_change(group), rtol=0, atol=1e-8)
        np.testing.assert_allclose(second.distance(group), first.distance(group), rtol=1e-6)
    # the level of a category is its intercept and its coefficient
    np.testing.assert_allclose(second.weights(0) + second.weights(2), first.weights(2), rtol=0, atol=1e-8)


def test_the_state_varies_as_the_mean_of_the_conditions_does():
    conditions = fit(FieldDesign.of_conditions(np.repeat([0, 1, 2], 4)))
    mean = sum(FEATURES @ conditions.weights(number).T for number in range(3)) / 3
    np.testing.assert_allclose(conditions.standard_deviations(1)["state"], mean.std(axis=0), rtol=1e-8)


def test_state_and_noise_vary_as_much_as_was_simulated(slopes: ComponentFit):
    found = slopes.standard_deviations(1)
    # of the typical sample, as the design has it: that of mean age
    state = FEATURES @ np.linalg.lstsq(FEATURES, Y, rcond=None)[0]
    assert np.median(np.abs(found["state"] / state.std(axis=0) - 1)) < 0.1
    np.testing.assert_allclose(found["noise"], 0.5, rtol=0.15)


def test_levels_are_the_coefficients(slopes: ComponentFit):
    np.testing.assert_allclose(slopes.weights(1), slopes.fold_change(1), rtol=0, atol=1e-10)
    np.testing.assert_allclose(slopes.weights(2), slopes.fold_change(2), rtol=0, atol=1e-10)
    design, back = canonical_design(MATRIX)
    np.testing.assert_allclose(MATRIX @ back, design, atol=1e-10)


def test_covariances_of_the_coefficients_give_the_variance_of_every_combination(slopes: ComponentFit):
    """Of one coefficient that of its own table; of the expression at the samples that of its own function."""
    joint = slopes.components.joint
    assert joint is not None
    forms = joint.forms(FEATURES).reshape(len(FEATURES), joint.loads.shape[1], 6)
    first, second = np.triu_indices(3)

    def variance(row: np.ndarray) -> np.ndarray:
        pairs = row[first] * row[second] * np.where(first == second, 1, 2)
        return joint.loads @ (forms @ pairs).T

    np.testing.assert_allclose(variance(np.array([0.0, 1, 0])), slopes.fold_change_variance(FEATURES, 1), rtol=0.15)
    for sample in (0, 5):
        own = fit(FieldDesign.of_matrix(MATRIX, [np.array([0.0, 1, 0]), MATRIX[sample] - MATRIX[1]]))
        difference = MATRIX[sample] - MATRIX[1]
        np.testing.assert_allclose(variance(difference), own.fold_change_variance(FEATURES, 2), rtol=0.15)
