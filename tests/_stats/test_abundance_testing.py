"""Differential abundance against a plain weighted t-test, simulated nulls and planted changes."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kompot_scverse._stats.abundance_testing import AbundanceTest, abundance_test
from kompot_scverse._stats.combine import cauchy_combination
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.variance_prior import fit_f_dist


def groups(n: int = 8, flip: bool = False) -> SampleDesign:
    late = (np.arange(n) >= n // 2) != flip
    return SampleDesign(np.column_stack([np.ones(n), late]).astype(float), np.array([0.0, 1.0]))


def simulate(rng: np.random.Generator, fold: float = 1.0, n: int = 8, m: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Hard counts, Dirichlet-multinomial between samples; the first neighbourhood changes in the late half."""
    share = np.linspace(1, 3, m)
    counts = np.empty((n, m))
    for s in range(n):
        expected = share * np.where((np.arange(m) == 0) & (s >= n // 2), fold, 1.0)
        counts[s] = rng.multinomial(rng.integers(200, 800), rng.dirichlet(80 * expected / expected.sum() * m / 4))
    return counts, np.array([np.diag(c) for c in counts])


def test_one_neighborhood_written_out() -> None:
    counts, gram = simulate(np.random.default_rng(0))
    test = abundance_test(counts, gram, groups())
    total = counts.sum(axis=1)
    logit = np.log((counts + 0.5) / (total[:, None] - counts + 0.5))
    weights = 1 / (1 / total + 2 * np.median(1 / total))
    share = counts.sum(axis=0) / total.sum()
    fits = [sm.WLS(logit[:, j], groups().matrix, weights=weights).fit() for j in range(20)]
    np.testing.assert_allclose(test.effect, [fit.params[1] for fit in fits], rtol=1e-9)
    # hard counts: φ = 1, so the unit is the binomial variance of one cell on the logit scale
    s2 = np.array([fit.scale for fit in fits]) * share * (1 - share)
    prior = fit_f_dist(s2, 6, np.log(share))
    # twenty neighbourhoods: their spread counts no more than the samples do
    df = np.minimum(prior.df, 6)
    moderated = (df * prior.variance + 6 * s2) / (df + 6) / (share * (1 - share))
    stderr = np.sqrt(moderated * np.array([fit.normalized_cov_params[1, 1] for fit in fits]))
    np.testing.assert_allclose(test.pvalue, 2 * stats.t.sf(np.abs(test.effect / stderr), df + 6), rtol=1e-8)


@pytest.mark.parametrize("n", [4, 6, 8])
def test_null_holds_its_level(n: int) -> None:
    rng = np.random.default_rng(n)
    tests = [abundance_test(*simulate(rng, n=n), groups(n)) for _ in range(60)]
    p = np.concatenate([t.pvalue for t in tests])
    assert 0.02 < np.mean(p < 0.05) < 0.07
    assert np.mean([np.min(t.qvalue) < 0.1 for t in tests]) < 0.2


def test_planted_change_is_found_with_its_sign() -> None:
    rng = np.random.default_rng(0)
    found = [abundance_test(*simulate(rng, fold=6.0), groups()) for _ in range(10)]
    assert np.mean([t.qvalue[0] < 0.1 for t in found]) >= 0.8
    assert all(t.effect[0] > 0 for t in found)
    assert np.mean([t.qvalue[1:] < 0.1 for t in found]) < 0.05


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_swap_flips_and_order_of_neighborhoods_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts, gram = simulate(rng, fold=2.0)
    first, swapped = abundance_test(counts, gram, groups()), abundance_test(counts, gram, groups(flip=True))
    np.testing.assert_allclose(swapped.z, -first.z, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(swapped.qvalue, first.qvalue, rtol=1e-7)
    order = rng.permutation(20)
    moved = abundance_test(counts[:, order], gram[:, order][:, :, order], groups())
    np.testing.assert_allclose(moved.pvalue, first.pvalue[order], rtol=1e-7)


def test_duplicated_neighborhoods_share_their_weight_in_the_rate() -> None:
    """Many overlapping copies of a changed neighbourhood do not buy more discoveries elsewhere."""
    rng = np.random.default_rng(1)
    counts, _ = simulate(rng, fold=8.0)
    copies = np.concatenate([np.zeros(10, dtype=int), np.arange(1, 20)])
    mass = counts[:, copies] / np.where(copies == 0, 10, 1)
    gram = np.array([np.where(copies[:, None] == copies, np.sqrt(np.outer(c, c)), 0) for c in mass])
    test = abundance_test(mass, gram, groups())
    naive = stats.false_discovery_control(test.pvalue)
    assert (test.qvalue[10:] >= naive[10:] - 1e-12).all()
    assert test.qvalue[10:].min() > naive[10:].min()


def test_rare_and_all_embracing_neighborhoods_are_left_out() -> None:
    counts, _ = simulate(np.random.default_rng(0))
    rare = np.zeros((8, 1))
    rare[:2] = 1
    mass = np.hstack([counts, rare])
    test = abundance_test(mass, np.array([np.diag(c) for c in mass]), groups())
    assert np.isnan([test.effect[-1], test.z[-1], test.pvalue[-1], test.qvalue[-1]]).all()
    assert np.isfinite(test.pvalue[:-1]).all()
    whole = abundance_test(np.full((8, 1), 50.0), np.full((8, 1, 1), 50.0), groups())
    assert np.isnan(whole.pvalue).all()


def test_cells_inherit_p_and_q() -> None:
    effects = np.array([1.0, -2.0, np.nan])
    test = AbundanceTest(effects, np.ones(3), np.array([1e-4, 0.5, np.nan]), np.array([1e-3, 0.6, np.nan]))
    p, q, effect = test.to_cells(np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.25, 0.25, 0.5], [0.0, 0.0, 1.0]]))
    np.testing.assert_allclose(p[:2], [1e-4, cauchy_combination(np.array([1e-4, 0.5]))], rtol=1e-9)
    np.testing.assert_allclose(q[:3], [1e-3, 0.3005, 0.3005], rtol=1e-9)
    assert p[2] == pytest.approx(p[1])
    np.testing.assert_allclose(effect[:3], [1, -0.5, -0.5])
    assert np.isnan([p[3], q[3], effect[3]]).all()


def test_several_levels_and_one_contrast_as_several() -> None:
    rng = np.random.default_rng(0)
    data = simulate(rng, fold=4.0)
    one, same = abundance_test(*data, groups()), abundance_test(*data, SampleDesign(groups().matrix, np.eye(2)[:, 1:]))
    np.testing.assert_allclose(same.pvalue, one.pvalue, rtol=1e-8)
    levels = np.repeat(np.arange(4), 2)
    design = SampleDesign(np.column_stack([np.ones(8), *np.eye(4)[1:, levels]]), np.eye(4)[:, 1:])
    test = abundance_test(*data, design)
    assert np.argmin(test.pvalue) == 0
    assert (test.effect[0, 1:] > 0.5).all()
    p, q, effect = test.to_cells(np.eye(20)[[0, 5]])
    assert effect.shape == (2, 3)
    np.testing.assert_allclose(effect, test.effect[[0, 5]])
    np.testing.assert_allclose(q, test.qvalue[[0, 5]])
    p = np.concatenate([abundance_test(*simulate(rng), design).pvalue for _ in range(60)])
    assert 0.02 < np.mean(p < 0.05) < 0.07


def test_samples_of_one_donor_are_not_counted_as_independent() -> None:
    """Six donors with two samples each, whose composition they share; the condition is one of donors."""
    rng, donors = np.random.default_rng(1), np.repeat(np.arange(6), 2)
    matrix = np.column_stack([np.ones(12), donors >= 3]).astype(float)
    rates = []
    for block in (donors, None):
        found = []
        for _ in range(60):
            own = rng.dirichlet(np.full(20, 8.0), size=6)[donors]
            counts = np.array([rng.multinomial(500, share) for share in own]).astype(float)
            gram = np.array([np.diag(c) for c in counts])
            found.append(abundance_test(counts, gram, SampleDesign(matrix, np.array([0.0, 1.0]), block)).pvalue)
        rates.append(np.mean(np.concatenate(found) < 0.05))
    assert 0.02 < rates[0] < 0.08
    assert rates[1] > 0.1
