"""The varying-coefficient model against dense formulas of the Gaussian process, cell by cell."""

import numpy as np
import pytest

from kompot_scverse._gp.components import Function, fit_components
from kompot_scverse._gp.evidence import Grid, grid_posterior, grid_prior, log_evidence, ratio_grid
from kompot_scverse._gp.sample_sums import SampleSums
from kompot_scverse._gp.varying_coefficients import VaryingCoefficients, contrast_design

RANK, N_GENES = 4, 5
CONDITIONS = {"two": [0, 0, 1, 1, 1], "three": [0, 0, 1, 1, 2, 2]}


class Case:
    """A small problem: features, samples, expression, and its dense covariances."""

    def __init__(self, conditions: list[int], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.conditions = np.array(conditions)
        n_samples = len(conditions)
        self.codes = np.repeat(np.arange(n_samples), rng.integers(6, 12, n_samples))
        n = len(self.codes)
        self.phi = rng.normal(size=(n, RANK)) / np.sqrt(RANK)
        self.features = np.column_stack([np.ones(n), self.phi])
        own = rng.normal(size=(n_samples, N_GENES))
        trend = self.phi @ rng.normal(size=(RANK, N_GENES)) * 2
        change = (self.conditions[self.codes] == 1)[:, None] * (self.phi @ rng.normal(size=(RANK, N_GENES)))
        self.y = trend + change + own[self.codes] + rng.normal(size=(n, N_GENES)) + 3
        self.design = contrast_design(self.conditions)
        self.sums = sample_sums(self.features, self.y, self.codes, n_samples)
        self.model = VaryingCoefficients(self.sums.gram, self.design, tolerances=(0.0, 0.0))

    def covariance(self, sample: float, state: float, effect: float) -> np.ndarray:
        """Covariance of the cells over the noise variance."""
        k, x = self.phi @ self.phi.T, self.design[self.codes]
        total = np.eye(len(k)) + state * k + sample * (1 + k) * (self.codes[:, None] == self.codes)
        return total + effect * k * (x[:, 1:] @ x[:, 1:].T)

    def generalized_least_squares(self, point: np.ndarray):
        """Flat coefficients, residuals, REML log likelihood with the noise at its best, and the inverse covariance."""
        c, x = self.covariance(*point), self.design[self.codes]
        inverse = np.linalg.inv(c)
        information = x.T @ inverse @ x
        fixed = np.linalg.solve(information, x.T @ inverse @ self.y)
        residual = self.y - x @ fixed
        squares = np.einsum("ig,ij,jg->g", residual, inverse, residual)
        df = len(x) - x.shape[1]
        log = -0.5 * (df * np.log(squares) + np.linalg.slogdet(c)[1] + np.linalg.slogdet(information)[1])
        return fixed, residual, squares / df, log, inverse


def sample_sums(features: np.ndarray, y: np.ndarray, codes: np.ndarray, n_samples: int) -> SampleSums:
    own = [codes == sample for sample in range(n_samples)]
    gram = np.stack([features[rows].T @ features[rows] for rows in own])
    return SampleSums(
        gram, np.stack([y[rows].T @ features[rows] for rows in own]), np.stack([(y[rows] ** 2).sum(0) for rows in own])
    )


@pytest.fixture(scope="module", params=list(CONDITIONS))
def case(request: pytest.FixtureRequest) -> Case:
    return Case(CONDITIONS[request.param])


POINTS = np.array([[0.0, 0.1, 0.0], [0.0, 3.0, 1.0], [0.2, 1.0, 0.3], [1.0, 10.0, 0.0], [0.01, 0.01, 0.02]])


def test_evidence_is_the_restricted_likelihood_of_the_dense_model(case: Case):
    found = log_evidence(case.model, case.sums, Grid(POINTS), hopeless=np.inf)
    dense = np.stack([case.generalized_least_squares(point)[3] for point in POINTS], axis=1)
    np.testing.assert_allclose(found, dense - dense.max(axis=1, keepdims=True), rtol=0, atol=1e-8)


@pytest.mark.parametrize("number", range(len(POINTS)))
def test_posterior_is_that_of_the_dense_model(case: Case, number: int):
    point = POINTS[number]
    fixed, residual, sigma2, _, inverse = case.generalized_least_squares(point)
    columns = case.design[case.conditions == 1][0] - case.design[0]
    grid, probability = Grid(POINTS[[number]]), np.ones((N_GENES, 1))
    state = Function(case.design[0])
    fit = fit_components(
        case.model, case.sums, grid, probability, [state, Function(columns, tested=True)], case.features
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
    np.testing.assert_allclose(np.stack([fit.sample, fit.state, fit.effect]), point[:, None] * sigma2, rtol=1e-9)


def test_average_over_the_grid_is_the_mixture_of_its_points(case: Case):
    probability = np.random.default_rng(2).dirichlet(np.ones(len(POINTS)), N_GENES)
    columns = case.design[case.conditions == 1][0] - case.design[0]
    functions = [Function(columns)]
    mixed = fit_components(case.model, case.sums, Grid(POINTS), probability, functions, case.features)
    single = [
        fit_components(case.model, case.sums, Grid(POINTS), np.tile(one, (N_GENES, 1)), functions, case.features)
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
        results.append(fit_components(model, case.sums, grid, probability, functions, case.features))
    np.testing.assert_allclose(results[0].weights[0], -results[1].weights[0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(results[0].distances[0], results[1].distances[0], rtol=1e-8)


def test_genes_by_themselves_have_the_results_they_have_together():
    case, grid = Case(CONDITIONS["two"]), ratio_grid(samples=True)
    evidence = log_evidence(case.model, case.sums, grid)
    prior = grid_prior(evidence)
    functions = [Function(np.array([0.0, 1.0]))]
    together = fit_components(case.model, case.sums, grid, grid_posterior(evidence, prior), functions, case.features)
    for gene in range(N_GENES):
        sums = case.sums.genes(slice(gene, gene + 1))
        own = log_evidence(case.model, sums, grid)
        alone = fit_components(case.model, sums, grid, grid_posterior(own, prior), functions, case.features)
        np.testing.assert_allclose(alone.weights[0][0], together.weights[0][gene], rtol=1e-9, atol=1e-12)


def test_adding_a_constant_or_a_factor_to_the_expression_changes_what_it_should():
    case, grid = Case(CONDITIONS["two"]), ratio_grid(samples=True)
    functions = [Function(np.array([1.0, 0.5])), Function(np.array([0.0, 1.0]))]

    def fit(y: np.ndarray):
        sums = sample_sums(case.features, y, case.codes, len(case.conditions))
        evidence = log_evidence(case.model, sums, grid)
        return fit_components(
            case.model, sums, grid, grid_posterior(evidence, grid_prior(evidence)), functions, case.features
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
    fit = fit_components(case.model, sums, grid, probability, functions, case.features)
    np.testing.assert_allclose(case.features @ fit.weights[0][:2].T, y[:, :2], atol=1e-12)
    assert (fit.weights[1][:2] == 0).all()
    assert (fit.distances[1][:2] == 0).all()
    assert (fit.noise[:2] == 0).all()
    assert fit.noise[2] > 0


def test_the_contrasts_of_the_conditions_are_symmetric():
    design = contrast_design(np.array([0, 1, 2, 3]))
    distance = design[:, None, 1:] - design[None, :, 1:]
    np.testing.assert_allclose(np.square(distance).sum(axis=2), 1 - np.eye(4), atol=1e-12)
    np.testing.assert_allclose(contrast_design(np.array([0, 1]))[:, 1], [-0.5, 0.5])


def test_the_prior_of_the_ratios_is_that_of_the_genes():
    # half of the genes can only be of one point, half only of another
    evidence = np.full((400, 3), -50.0)
    evidence[:300, 0] = 0
    evidence[300:, 2] = 0
    np.testing.assert_allclose(grid_prior(evidence), [0.75, 0, 0.25], atol=1e-5)


def test_genes_that_say_nothing_do_not_change_the_prior():
    evidence = np.full((50, 3), -50.0)
    evidence[:, 1] = 0
    silent = np.zeros((500, 3))
    np.testing.assert_allclose(grid_prior(np.vstack([evidence, silent])), grid_prior(evidence), rtol=1e-6)


class SmoothCase:
    """Cells on a line with a smooth basis, most of whose directions the cells tell nothing about."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        conditions = np.array([0, 0, 1, 1])
        codes, x = np.repeat(np.arange(4), 60), rng.random(240)
        places = np.linspace(0, 1, 25)
        kernel = np.exp(-np.square(np.subtract.outer(places, places)) / 0.5) + 1e-9 * np.eye(25)
        cross = np.exp(-np.square(np.subtract.outer(x, places)) / 0.5)
        self.features = np.column_stack([np.ones(240), np.linalg.solve(np.linalg.cholesky(kernel), cross.T).T])
        size = np.array([0, 0.3, 1, 3, 10, 0.3])
        signal = np.sin(5 * x)[:, None] * size + (conditions[codes] * x)[:, None] * np.array([0, 0, 0.5, 0, 2, 3])
        y = signal + 0.3 * rng.normal(size=(4, 6))[codes] + rng.normal(size=(240, 6)) + 5
        self.sums = sample_sums(self.features, y, codes, 4)
        self.design = contrast_design(conditions)
        self.model = VaryingCoefficients(self.sums.gram, self.design)
        self.exact = VaryingCoefficients(self.sums.gram, self.design, tolerances=(0.0, 0.0))


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
        fit_components(model, case.sums, grid, probability, functions, case.features[::4])
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


@pytest.mark.parametrize("samples", [False, True])
def test_points_that_are_not_tried_have_no_probability(samples: bool):
    case, grid = SmoothCase(), ratio_grid(samples=samples)
    every = log_evidence(case.model, case.sums, grid, hopeless=np.inf)
    found = log_evidence(case.model, case.sums, grid, hopeless=4)
    tried = np.isfinite(found)
    assert 0.05 < (~tried).mean()
    np.testing.assert_allclose(found[tried], every[tried], rtol=0, atol=1e-9)
    assert every[~tried].max() < -4
