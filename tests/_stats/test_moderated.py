"""p against the uniform law, against limma's formula, and priors against one another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kompot_scverse._stats.linear_model import LinearFit, SampleDesign, fit_linear
from kompot_scverse._stats.moderated import SMALLEST_P, moderated_test, supported_tail
from kompot_scverse._stats.variance_prior import fit_f_dist

PRIORS = ["npmle", "limma"]


def two_groups(n: int = 8) -> SampleDesign:
    return SampleDesign(np.column_stack([np.ones(n), np.arange(n) >= n // 2]).astype(float), np.array([0.0, 1.0]))


def paired(n: int = 5) -> SampleDesign:
    """Donor blocks and one column for the condition."""
    return SampleDesign(np.column_stack([np.tile(np.eye(n), (2, 1)), np.repeat([0.0, 1.0], n)]), np.eye(n + 1)[n])


def draw(design: SampleDesign, variance: np.ndarray, rng: np.random.Generator) -> LinearFit:
    """Null data with the given variances."""
    n = len(design.matrix)
    return fit_linear(rng.normal(size=(n, len(variance))) * np.sqrt(variance), np.eye(n), design)


@pytest.mark.parametrize("prior", PRIORS)
def test_few_genes_get_the_ordinary_t_test_or_a_mild_prior(prior: str) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(8, 1))
    one = moderated_test(fit_linear(y, np.eye(8), two_groups()), np.zeros(1), prior)
    assert one.pvalue[0] == pytest.approx(stats.ttest_ind(y[4:, 0], y[:4, 0]).pvalue, rel=1e-9)
    five = [moderated_test(draw(two_groups(), rng.uniform(0.2, 5, 5), rng), np.zeros(5), prior) for _ in range(400)]
    assert np.mean([t.pvalue < 0.05 for t in five]) < 0.075


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("design", [two_groups(4), two_groups(8), paired()], ids=["2v2", "4v4", "paired"])
def test_null_p_is_uniform(design: SampleDesign, prior: str) -> None:
    rng = np.random.default_rng(0)
    covariate = rng.normal(size=12000)
    variance = np.exp(covariate) * 8 / stats.chi2.rvs(8, size=12000, random_state=rng)
    test = moderated_test(draw(design, variance, rng), covariate, prior)
    assert stats.kstest(test.pvalue, "uniform").statistic < 0.02
    assert 0.0003 < np.mean(test.pvalue < 0.001) < 0.002
    assert stats.kstest(test.z, "norm").statistic < 0.02


def test_limma_formula() -> None:
    """Moderated t and its degrees of freedom, written out for one gene."""
    rng = np.random.default_rng(0)
    fit = draw(two_groups(), 4 / stats.chi2.rvs(4, size=2000, random_state=rng), rng)
    prior, test = fit_f_dist(fit.variance, 6, np.zeros(2000)), moderated_test(fit, np.zeros(2000), "limma")
    d0, s02, s2 = prior.df[7], prior.variance[7], fit.variance[7]
    t = fit.effect[7] / np.sqrt((d0 * s02 + 6 * s2) / (d0 + 6) * (1 / 4 + 1 / 4))
    assert test.effect[7] / test.stderr[7] == pytest.approx(t, rel=1e-9)
    assert test.pvalue[7] == pytest.approx(2 * stats.t.sf(abs(t), d0 + 6), rel=1e-9)


def test_few_variances_count_no_more_than_the_samples() -> None:
    """Witness: limma's t with prior degrees of freedom set to those of the residuals; a common variance earns more."""
    rng = np.random.default_rng(0)
    for n, capped in ((40, True), (400, False)):
        fit = fit_linear(rng.normal(size=(8, n)), np.eye(8), SampleDesign(np.ones((8, 1)), np.ones(1)))
        prior, test = fit_f_dist(fit.variance, 7, np.zeros(n)), moderated_test(fit, np.zeros(n), "limma")
        assert prior.df.max() > 14
        df = np.minimum(prior.df, 7) if capped else prior.df
        stderr = np.sqrt((df * prior.variance + 7 * fit.variance) / (df + 7) / 8)
        np.testing.assert_allclose(test.pvalue, 2 * stats.t.sf(np.abs(fit.effect) / stderr, df + 7), rtol=1e-9)


def test_flexible_prior_agrees_with_limma_where_limma_is_right() -> None:
    rng = np.random.default_rng(0)
    fit = draw(two_groups(), 10 / stats.chi2.rvs(10, size=20000, random_state=rng), rng)
    npmle, limma = (moderated_test(fit, np.zeros(20000), p) for p in PRIORS)
    assert np.median(np.abs(npmle.z - limma.z)) < 0.05
    assert np.corrcoef(npmle.z, limma.z)[0, 1] > 0.998


def test_flexible_prior_holds_where_few_genes_vary_much_more() -> None:
    """Two kinds of genes: the inverse χ² prior of limma gives too many small p, the flexible one does not."""
    rng = np.random.default_rng(0)
    fit = draw(two_groups(), np.where(np.arange(40000) % 20 == 0, 4.0, 1.0), rng)
    npmle, limma = (np.mean(moderated_test(fit, np.zeros(40000), p).pvalue < 1e-4) for p in PRIORS)
    assert npmle < 3e-4
    assert limma > 1.5 * npmle


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(PRIORS), st.floats(0.01, 100))
def test_swapping_conditions_flips_signs_and_units_do_not_matter(seed: int, prior: str, factor: float) -> None:
    rng = np.random.default_rng(seed)
    y, design = rng.normal(size=(6, 120)), two_groups(6)
    other = SampleDesign(np.column_stack([np.ones(6), 1 - design.matrix[:, 1]]), design.contrast)
    first, swapped, scaled = (
        moderated_test(fit_linear(values, np.eye(6), d), np.zeros(120), prior)
        for values, d in ((y, design), (y, other), (y * factor, design))
    )
    np.testing.assert_allclose(swapped.effect, -first.effect, atol=1e-12)
    np.testing.assert_allclose(swapped.z, -first.z, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(swapped.pvalue, first.pvalue, rtol=1e-6)
    np.testing.assert_allclose(scaled.pvalue, first.pvalue, rtol=1e-6)
    np.testing.assert_allclose(scaled.stderr, first.stderr * factor, rtol=1e-6)


def test_extreme_p_is_what_the_samples_support_in_one_of_all_tests() -> None:
    """Witness: t with 6 + 2 degrees of freedom at the normal deviate, divided by the number of genes and nodes."""
    effect = np.concatenate([[30.0, -30.0, 20.0], np.full(197, 0.1)])
    fit = LinearFit(effect, 1.0, np.ones(200), 6)
    for n_nodes in (1, 40):
        test = moderated_test(fit, np.zeros(200), "npmle", n_nodes=n_nodes)
        np.testing.assert_allclose(test.pvalue[:3], 2 * stats.t.sf([30, 30, 20], 8) / (200 * n_nodes), rtol=0.05)
        np.testing.assert_allclose(2 * stats.norm.sf(np.abs(test.z)), test.pvalue, rtol=1e-9)
        assert test.z[0] == pytest.approx(-test.z[1])
        assert test.z[3] > 0
    # far in the tail of a normal statistic nothing overflows
    assert 0 < supported_tail(np.array([SMALLEST_P]), 1, 10**7)[0] < 1e-8


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(1e-290, 1), min_size=20, max_size=60), st.integers(1, 12), st.integers(1, 60))
def test_supported_tail_keeps_the_order_and_the_q_of_what_is_called(values: list[float], df: int, n_nodes: int) -> None:
    p = np.sort(np.array(values))
    supported = supported_tail(p, df, len(p) * n_nodes)
    assert (np.diff(supported) >= -1e-15 * supported[1:]).all()
    assert ((supported > 0) & (supported <= 1 + 1e-12)).all()
    room = 2 * stats.t.sf(stats.norm.isf(p / 2), df + 2) / np.arange(1, len(p) + 1) / n_nodes
    q, before = (stats.false_discovery_control(np.minimum(values, 1)) for values in (supported, p))
    assert (q <= before + room + 1e-12).all()


@pytest.mark.parametrize("prior", PRIORS)
def test_genes_beside_the_reference_get_the_p_of_their_like_in_it(prior: str) -> None:
    rng = np.random.default_rng(0)
    fit = draw(two_groups(), 6 / stats.chi2.rvs(6, size=400, random_state=rng), rng)
    twice = LinearFit(np.tile(fit.effect, 2), fit.scale, np.tile(fit.variance, 2), fit.df)
    covariate = rng.normal(size=400)
    alone = moderated_test(fit, covariate, prior)
    both = moderated_test(twice, np.tile(covariate, 2), prior, np.arange(800) < 400)
    np.testing.assert_allclose(both.pvalue, np.tile(alone.pvalue, 2), rtol=1e-9)
    # one that varies more than all of them is no more significant than the most variable with the same t
    odd = fit.variance.argmax()
    effect, variance = (np.append(fit.effect, 20 * fit.effect[odd]), np.append(fit.variance, 400 * fit.variance[odd]))
    more = moderated_test(
        LinearFit(effect, fit.scale, variance, fit.df),
        np.append(covariate, covariate[odd]),
        prior,
        np.arange(401) < 400,
    )
    assert more.pvalue[-1] >= 0.99 * alone.pvalue[odd]


@pytest.mark.parametrize("prior", PRIORS)
def test_f_with_one_degree_of_freedom_is_t_squared(prior: str) -> None:
    rng = np.random.default_rng(0)
    y, one = rng.normal(size=(8, 300)) * rng.uniform(0.5, 2, 300), two_groups()
    as_several = SampleDesign(one.matrix, one.contrast[:, None])
    covariate = rng.normal(size=300)
    t, f = (moderated_test(fit_linear(y, np.eye(8), d), covariate, prior) for d in (one, as_several))
    np.testing.assert_allclose(f.pvalue, t.pvalue, rtol=1e-9)
    np.testing.assert_allclose(f.effect[0], t.effect, rtol=1e-9)
    np.testing.assert_allclose(f.stderr[0], t.stderr, rtol=1e-9)
    np.testing.assert_allclose(f.z, np.abs(t.z), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("prior", PRIORS)
def test_null_p_of_several_contrasts_is_uniform_and_does_not_depend_on_how_they_are_written(prior: str) -> None:
    rng = np.random.default_rng(0)
    matrix = np.column_stack([np.ones(12), *np.eye(4)[1:, np.repeat(np.arange(4), 3)]])
    covariate = rng.normal(size=8000)
    y = rng.normal(size=(12, 8000)) * np.sqrt(np.exp(covariate) * 8 / stats.chi2.rvs(8, size=8000, random_state=rng))
    against_first = np.eye(4)[:, 1:]
    # differences of neighbours, and one that the others determine
    of_neighbors = np.column_stack([against_first[:, 0], *np.diff(against_first, axis=1).T, against_first[:, 2]])
    tests = [
        moderated_test(fit_linear(y, np.eye(12), SampleDesign(matrix, c)), covariate, prior)
        for c in (against_first, of_neighbors)
    ]
    np.testing.assert_allclose(tests[0].pvalue, tests[1].pvalue, rtol=1e-8)
    assert stats.kstest(tests[0].pvalue, "uniform").statistic < 0.02
    assert 0.0002 < np.mean(tests[0].pvalue < 0.001) < 0.002


def test_moderated_f_formula() -> None:
    """F and its degrees of freedom, written out for one gene."""
    rng = np.random.default_rng(0)
    matrix = np.column_stack([np.ones(9), *np.eye(3)[1:, np.repeat(np.arange(3), 3)]])
    y = rng.normal(size=(9, 500)) * np.sqrt(4 / stats.chi2.rvs(4, size=500, random_state=rng))
    fit = fit_linear(y, np.eye(9), SampleDesign(matrix, np.eye(3)[:, 1:]))
    prior, test = fit_f_dist(fit.variance, 6, np.zeros(500)), moderated_test(fit, np.zeros(500), "limma")
    groups = y[:, 7].reshape(3, 3)
    between = 3 * np.square(groups.mean(axis=1) - groups.mean()).sum() / 2
    s2 = np.square(groups - groups.mean(axis=1, keepdims=True)).sum() / 6
    moderated = (prior.df[7] * prior.variance[7] + 6 * s2) / (prior.df[7] + 6)
    assert test.pvalue[7] == pytest.approx(stats.f.sf(between / moderated, 2, prior.df[7] + 6), rel=1e-9)
