"""The varying-coefficient model against dense formulas of the Gaussian process, cell by cell."""

import numpy as np
import pytest
from dense_model import CONDITIONS, N_GENES, POINTS, RANK, Case, SmoothCase, sample_sums

from kompot_scverse._gp.components import fit_components
from kompot_scverse._gp.evidence import Grid, log_evidence, ratio_grid
from kompot_scverse._gp.function_covariances import Function
from kompot_scverse._gp.grid_prior import grid_posterior, grid_prior
from kompot_scverse._gp.varying_coefficients import VaryingCoefficients, contrast_design


def given(probability: np.ndarray):
    """The same probabilities, block by block."""
    return lambda genes, _: probability[genes]


@pytest.fixture(scope="module", params=list(CONDITIONS))
def case(request: pytest.FixtureRequest) -> Case:
    return Case(CONDITIONS[request.param])


@pytest.mark.parametrize("noise", [None, 0.7])
@pytest.mark.parametrize("number", range(len(POINTS)))
def test_posterior_is_that_of_the_dense_model(case: Case, number: int, noise: float | None):
    point = POINTS[number]
    fixed, residual, sigma2, _, inverse = case.generalized_least_squares(point)
    sigma2 = sigma2 if noise is None else np.full(N_GENES, noise)
    columns = case.design[case.conditions == 1][0] - case.design[0]
    grid, probability = Grid(POINTS[[number]], noise), np.ones((N_GENES, 1))
    state = Function(case.design[0])
    fit = fit_components(
        case.model, case.sums, grid, given(probability), [state, Function(columns, tested=True)], case.features
    )
    # cross-covariance of the function and the cells, and prior of the function, over the noise; new places, too
    new = np.random.default_rng(1).normal(size=(7, RANK))
    x = case.design[case.codes]
    for index, a in enumerate([state.columns, columns]):
        weight = x[:, 1:] @ a[1:] * point[2] + a[0] * point[1]
        cross = (new @ case.phi.T) * weight
        flat = np.outer(np.ones(len(new)), a)
        mean = flat @ fixed + cross @ inverse @ residual
        features = np.column_stack([np.ones(len(new)), new])
        np.testing.assert_allclose(features @ fit.weights[index].T, mean, rtol=1e-8, atol=1e-8)
        prior = (new @ new.T) * (point[1] * a[0] ** 2 + point[2] * (a[1:] @ a[1:]))
        left = flat - cross @ inverse @ x
        covariance = prior - cross @ inverse @ cross.T + left @ np.linalg.solve(x.T @ inverse @ x, left.T)
        np.testing.assert_allclose(
            fit.variances[index].variances(features), np.outer(sigma2, covariance.diagonal()), rtol=1e-7, atol=1e-10
        )
        if index == 1:
            # more places than features: the covariance has the rank of the function
            expected = np.einsum("ig,ij,jg->g", mean, np.linalg.pinv(covariance, rcond=1e-9, hermitian=True), mean)
            np.testing.assert_allclose(fit.distances[index] ** 2, expected / sigma2, rtol=1e-5)
    np.testing.assert_allclose(fit.noise, sigma2, rtol=1e-9)
    np.testing.assert_allclose(fit.sample, point[0] * sigma2, rtol=1e-9)


@pytest.mark.parametrize("number", range(len(POINTS)))
def test_with_means_of_0_and_a_given_noise_it_is_that_of_the_dense_model(case: Case, number: int):
    """The same ratios, but no flat coefficients: the prior of the coefficients is all that differs."""
    point, noise = POINTS[number], 0.7
    sums = sample_sums(case.phi, case.y, case.codes, len(case.conditions))
    block = np.zeros(len(case.conditions), dtype=int)
    model = VaryingCoefficients(sums.gram, case.design, (0.0, 0.0), block, 0.3, constant=False)
    alike = 0.3 + 0.7 * (case.codes[:, None] == case.codes)
    k, x = case.phi @ case.phi.T, case.design[case.codes]
    inverse = np.linalg.inv(np.eye(len(k)) + k * (point[0] * alike + point[1] + point[2] * (x[:, 1:] @ x[:, 1:].T)))
    change = case.design[case.conditions == 1][0] - case.design[0]
    functions = [Function(case.design[0]), Function(change, tested=True)]
    fit = fit_components(model, sums, Grid(POINTS[[number]], noise), given(np.ones((N_GENES, 1))), functions, case.phi)
    new = np.random.default_rng(1).normal(size=(7, RANK))
    for index, a in enumerate([functions[0].columns, change]):
        cross = (new @ case.phi.T) * (x[:, 1:] @ a[1:] * point[2] + a[0] * point[1])
        mean = cross @ inverse @ case.y
        np.testing.assert_allclose(new @ fit.weights[index].T, mean, rtol=1e-8, atol=1e-8)
        prior = (new @ new.T) * (point[1] * a[0] ** 2 + point[2] * (a[1:] @ a[1:]))
        covariance = noise * (prior - cross @ inverse @ cross.T)
        np.testing.assert_allclose(
            fit.variances[index].variances(new), np.tile(covariance.diagonal(), (N_GENES, 1)), rtol=1e-7, atol=1e-10
        )
        if index == 1 and point[2] > 0:
            pinv = np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)
            expected = np.einsum("ig,ij,jg->g", mean, pinv, mean)
            np.testing.assert_allclose(fit.distances[index] ** 2, expected, rtol=1e-5)


def test_average_over_the_grid_is_the_mixture_of_its_points(case: Case):
    probability = np.random.default_rng(2).dirichlet(np.ones(len(POINTS)), N_GENES)
    columns = case.design[case.conditions == 1][0] - case.design[0]
    functions = [Function(columns)]
    mixed = fit_components(case.model, case.sums, Grid(POINTS), given(probability), functions, case.features)
    single = [
        fit_components(case.model, case.sums, Grid(POINTS), given(np.tile(one, (N_GENES, 1))), functions, case.features)
        for one in np.eye(len(POINTS))
    ]
    weights = sum(probability[:, [k]] * fit.weights[0] for k, fit in enumerate(single))
    np.testing.assert_allclose(mixed.weights[0], weights, rtol=1e-10, atol=1e-12)
    variance = sum(probability[:, [k]] * fit.variances[0].variances(case.features) for k, fit in enumerate(single))
    # a few covariances stand for all
    np.testing.assert_allclose(mixed.variances[0].variances(case.features), variance, rtol=0.1)


def test_swapped_conditions_flip_the_sign():
    case = Case(CONDITIONS["two"])
    results = []
    for conditions in (case.conditions, 1 - case.conditions):
        design = contrast_design(conditions)
        model = VaryingCoefficients(case.sums.gram, design)
        grid = ratio_grid(samples=True)
        evidence = log_evidence(model, case.sums, grid)
        probability = grid_posterior(evidence, grid_prior(evidence))
        functions = [Function(np.array([0.0, 1.0]), tested=True)]
        results.append(fit_components(model, case.sums, grid, given(probability), functions, case.features))
    np.testing.assert_allclose(results[0].weights[0], -results[1].weights[0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(results[0].distances[0], results[1].distances[0], rtol=1e-8)


def test_genes_by_themselves_have_the_results_they_have_together():
    case, grid = Case(CONDITIONS["two"]), ratio_grid(samples=True)
    evidence = log_evidence(case.model, case.sums, grid)
    prior = grid_prior(evidence)
    functions = [Function(np.array([0.0, 1.0]))]
    together = fit_components(
        case.model, case.sums, grid, given(grid_posterior(evidence, prior)), functions, case.features
    )
    for gene in range(N_GENES):
        sums = case.sums.genes(slice(gene, gene + 1))
        own = log_evidence(case.model, sums, grid)
        alone = fit_components(case.model, sums, grid, given(grid_posterior(own, prior)), functions, case.features)
        np.testing.assert_allclose(alone.weights[0][0], together.weights[0][gene], rtol=1e-9, atol=1e-12)


def test_adding_a_constant_or_a_factor_to_the_expression_changes_what_it_should():
    case, grid = Case(CONDITIONS["two"]), ratio_grid(samples=True)
    functions = [Function(np.array([1.0, 0.5])), Function(np.array([0.0, 1.0]))]

    def fit(y: np.ndarray):
        sums = sample_sums(case.features, y, case.codes, len(case.conditions))
        evidence = log_evidence(case.model, sums, grid)
        return fit_components(
            case.model, sums, grid, given(grid_posterior(evidence, grid_prior(evidence))), functions, case.features
        )

    before, shifted, scaled = fit(case.y), fit(case.y + 7), fit(3 * case.y)
    np.testing.assert_allclose(shifted.weights[1], before.weights[1], atol=1e-7)
    np.testing.assert_allclose(shifted.weights[0][:, 0], before.weights[0][:, 0] + 7, atol=1e-7)
    np.testing.assert_allclose(scaled.weights[1], 3 * before.weights[1], atol=1e-9)
    np.testing.assert_allclose(scaled.noise, 9 * before.noise, rtol=1e-9)


def test_constant_genes_have_their_mean_and_no_change():
    case, grid = Case(CONDITIONS["two"]), ratio_grid(samples=True)
    y = np.column_stack([np.full(len(case.y), 1.5), np.zeros(len(case.y)), case.y[:, 0]])
    sums = sample_sums(case.features, y, case.codes, len(case.conditions))
    evidence = log_evidence(case.model, sums, grid)
    probability = grid_posterior(evidence, grid_prior(evidence))
    functions = [Function(np.array([1.0, -0.5])), Function(np.array([0.0, 1.0]), tested=True)]
    fit = fit_components(case.model, sums, grid, given(probability), functions, case.features)
    np.testing.assert_allclose(case.features @ fit.weights[0][:2].T, y[:, :2], atol=1e-12)
    assert (fit.weights[1][:2] == 0).all()
    assert (fit.distances[1][:2] == 0).all()
    assert (fit.noise[:2] == 0).all()
    assert fit.noise[2] > 0


@pytest.mark.parametrize("samples", [False, True])
def test_directions_that_are_left_out_do_not_matter(samples: bool):
    case, grid = SmoothCase(), ratio_grid(samples=samples)
    kept = len(case.model.factor(0.0, 1e-2, 1e-2).kept)
    assert kept < len(case.exact.factor(0.0, 1e-2, 1e-2).kept) / 2
    evidence = log_evidence(case.exact, case.sums, grid, hopeless=np.inf)
    np.testing.assert_allclose(log_evidence(case.model, case.sums, grid, hopeless=np.inf), evidence, rtol=0, atol=0.02)
    probability = grid_posterior(evidence, grid_prior(evidence))
    functions = [Function(np.array([1.0, 0.5])), Function(np.array([0.0, 1.0]), tested=True)]
    exact, found = (
        fit_components(model, case.sums, grid, given(probability), functions, case.features[::4])
        for model in (case.exact, case.model)
    )
    for index in range(2):
        std = np.sqrt(exact.variances[index].variances(case.features))
        apart = (found.weights[index] - exact.weights[index]) @ case.features.T / std
        assert 0 < np.abs(apart).max() < 2e-3
        # the covariances that stand for the others may be other ones
        np.testing.assert_allclose(np.sqrt(found.variances[index].variances(case.features)), std, rtol=0.015)
    np.testing.assert_allclose(found.distances[1], exact.distances[1], rtol=2e-3)
    np.testing.assert_allclose(found.noise, exact.noise, rtol=1e-4)
