"""Sets of genes that change together, or only vary together."""

from itertools import combinations

import numpy as np
import pytest
from moments import collect_neighborhood_moments
from scipy import stats

from kompot_scverse._stats import calibrated_combination
from kompot_scverse._stats.gene_sets import SetTest, camera, residual_directions, set_test
from kompot_scverse._stats.gene_testing import GeneTestSettings, fit_node
from kompot_scverse._stats.linear_model import SampleDesign, fit_linear
from kompot_scverse._stats.neighborhoods import NeighborhoodMoments, fit_neighborhoods, neighborhood_tree

N_SAMPLES, N_GENES, MODULES = 8, 200, 10
LATE = np.arange(N_SAMPLES) >= 4
DESIGN = SampleDesign(np.column_stack([np.ones(N_SAMPLES), LATE]).astype(float), np.array([0.0, 1.0]))
SETTINGS = GeneTestSettings(level_trend=False)
MODULE = np.repeat(np.arange(MODULES), N_GENES // MODULES)
SETS = (MODULE[:, None] == np.arange(MODULES)).astype(float)


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch) -> None:
    monkeypatch.setattr(calibrated_combination, "LOG_DRAWS", 13)


def simulate(seed: int, shift: float = 0.0) -> tuple[NeighborhoodMoments, np.ndarray]:
    """Genes of one module vary together between samples; those of the first change in one of two cell states."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(N_SAMPLES), 60)
    state = rng.integers(0, 2, len(codes))
    x = rng.normal(size=(len(codes), 3)) * 0.5 + 5 * np.column_stack([state, state, 0 * state])
    between = 0.2 * rng.normal(size=(N_SAMPLES, MODULES))[:, MODULE] + 0.15 * rng.normal(size=(N_SAMPLES, N_GENES))
    log_rate = rng.normal(0.5, 0.5, N_GENES) + between[codes]
    log_rate[:, MODULE == 0] += shift * (LATE[codes] & (state == 1))[:, None]
    fitted = fit_neighborhoods(x, 4)
    counts = np.log1p(rng.poisson(np.exp(log_rate)))
    return collect_neighborhood_moments(fitted.weights(x), counts, codes), neighborhood_tree(fitted)


def analysed(seed: int, sets: np.ndarray, shift: float = 0.0) -> SetTest:
    moments, nodes = simulate(seed, shift)
    return set_test(moments, nodes, DESIGN, sets, SETTINGS)


def test_sets_that_only_vary_together_and_random_ones_hold_their_level() -> None:
    rng = np.random.default_rng(0)
    modules, random = [], []
    for seed in range(30):
        drawn = np.zeros((N_GENES, MODULES))
        for own in drawn.T:
            own[rng.choice(N_GENES, 20, replace=False)] = 1
        p = analysed(seed, np.hstack([SETS, drawn])).pvalue
        modules.append(p[:MODULES])
        random.append(p[MODULES:])
    assert 0.02 < np.mean(np.array(modules) < 0.05) < 0.075
    assert 0.02 < np.mean(np.array(random) < 0.05) < 0.085
    # as if genes were independent, the modules are found everywhere
    independent = []
    for seed in range(5):
        z = fit_node(*simulate(seed)[:1], np.ones(4, dtype=bool), DESIGN, SETTINGS).test.z
        independent += [stats.ttest_ind(z[own > 0], z[own == 0]).pvalue for own in SETS.T]
    assert np.mean(np.array(independent) < 0.05) > 0.3


def test_permuted_conditions_hold_the_level() -> None:
    """What changes between the true conditions is a difference between samples to all other splits."""
    rng, p = np.random.default_rng(1), []
    sets = np.hstack([SETS, rng.permuted(SETS, axis=0)])
    splits = [group for group in combinations(range(N_SAMPLES), 4) if 0 in group][1:]
    for seed in range(1, 9):
        moments, nodes = simulate(seed, shift=0.7)
        for group in splits[::11]:
            matrix = np.column_stack([np.ones(N_SAMPLES), np.isin(np.arange(N_SAMPLES), group)]).astype(float)
            p.append(set_test(moments, nodes, SampleDesign(matrix, DESIGN.contrast), sets, SETTINGS).pvalue)
    found = np.array(p)
    for own in (found[:, 1:MODULES], found[:, MODULES:]):
        assert 0.02 < (own < 0.05).mean() < 0.075


def test_a_changed_set_is_first_where_it_changes_and_has_its_direction() -> None:
    found = analysed(1, np.hstack([SETS, -SETS[:, :1]]), shift=1.0)
    assert found.pvalue.argmin() in (0, MODULES)
    assert found.qvalue[0] < 0.02
    assert (found.pvalue[1:MODULES] > 0.02).all()
    moments, nodes = simulate(1, 1.0)
    # nodes of the changed state and of the other one, by what the genes do
    change = np.nanmean(
        np.array([fit_node(moments, own, DESIGN, SETTINGS).test.z[MODULE == 0] for own in nodes]), axis=1
    )
    assert found.z[change.argmax(), 0] > 2.5
    assert abs(found.z[np.abs(change).argmin(), 0]) < 2
    np.testing.assert_allclose(found.z[:, MODULES], -found.z[:, 0], rtol=1e-6)
    assert found.n_genes[0] == 20


def test_camera_is_a_t_of_a_contrast_with_the_correlation_written_out() -> None:
    rng = np.random.default_rng(2)
    z, residuals = rng.normal(size=40), rng.normal(size=(5, 40))
    weights = np.zeros(40)
    weights[:6] = [1, 2, 0.5, -1, 1, 1]
    inside = weights != 0
    contrast = weights / np.abs(weights).sum()
    contrast[~inside] = -contrast.sum() / 34
    # within and outside of the set about the means of both
    delta = contrast @ z
    pooled = (39 * z.var(ddof=1) - delta**2 * 6 * 34 / 40) / 38
    # of residuals about what all genes share
    correlation = residuals.T @ residuals / 5 / residuals.var(axis=1, ddof=1).mean()
    t = delta / np.sqrt(pooled * contrast @ correlation @ contrast)
    found_z, found_p = camera(z, residuals, weights[:, None])
    assert found_p[0] == pytest.approx(2 * stats.t.sf(abs(t), 5))
    assert found_z[0] == pytest.approx(np.sign(t) * stats.norm.isf(found_p[0] / 2))


def test_sets_that_are_too_small_or_have_most_of_the_genes_are_not_tested() -> None:
    rng = np.random.default_rng(0)
    sets = np.zeros((20, 3))
    sets[:2, 0] = sets[:11, 1] = sets[:3, 2] = 1
    found = camera(rng.normal(size=20), rng.normal(size=(4, 20)), sets)[1]
    assert np.isnan(found).tolist() == [True, True, False]
    assert np.isnan(camera(np.zeros(4), np.ones((2, 4)), np.ones((4, 1)))[1]).all()


def test_residual_directions_have_the_variance_of_the_fit_and_nothing_of_the_design() -> None:
    node = fit_node(simulate(0)[0], np.ones(4, dtype=bool), DESIGN, SETTINGS)
    found = residual_directions(node)
    assert found.shape == (6, len(node.genes))
    # times the moderated standard deviation, they are the residuals of generalised least squares with the typical covariance
    fit = fit_linear(node.means, node.covariance, node.design)
    moderated = node.test.stderr / node.fit.fits[0].scale * np.sqrt(node.spread)
    np.testing.assert_allclose(np.square(found).mean(axis=0) * moderated**2, fit.variance)
    both = fit_linear(node.means[:, [3]] + node.means[:, [7]], node.covariance, node.design).variance
    expected = (both[0] - fit.variance[3] - fit.variance[7]) / 2
    np.testing.assert_allclose(found[:, 3] @ found[:, 7] / 6 * moderated[3] * moderated[7], expected, rtol=1e-8)


def test_what_blocks_share_is_no_correlation_within_them() -> None:
    rng = np.random.default_rng(4)
    matrix, block = np.column_stack([np.ones(8), np.arange(8) % 2]), np.repeat(np.arange(4), 2)
    design = SampleDesign(matrix.astype(float), np.array([0.0, 1.0]), block)
    means = np.log(5) + 2.0 * rng.normal(size=(4, 150))[block] + 0.2 * rng.normal(size=(8, 150))
    mass = np.full((8, 1), 100.0)
    moments = NeighborhoodMoments(
        mass, mass[:, :, None], 100 * means[:, None], 100 * (np.square(means).sum(axis=0) + 0.01)[None]
    )
    node = fit_node(moments, np.ones(1, dtype=bool), design, SETTINGS)
    found = residual_directions(node)
    # three directions between the blocks and three within: of one size, although donors differ ten times as much
    sizes = np.square(found).mean(axis=1)
    assert node.fit.correlation > 0.8
    assert sizes.max() < 6 * sizes.min()
