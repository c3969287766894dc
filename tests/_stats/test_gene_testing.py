"""The gene test end to end on simulated counts."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from moments import collect_neighborhood_moments
from scipy import stats

from kompot_scverse._stats.combine import LARGEST_P
from kompot_scverse._stats.gene_testing import GeneTestSettings, _usable, gene_test
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.neighborhoods import fit_neighborhoods, neighborhood_tree


def simulate(seed: int, shift: float = 0.0, donor_sd: float = 0.2) -> dict:
    """8 samples, 200 genes of Poisson counts over two cell states; shift in the first 20 genes, one state, late half."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(8), 80)
    state = rng.integers(0, 2, len(codes))
    x = rng.normal(size=(len(codes), 3)) * 0.5 + 5 * np.column_stack([state, state, 0 * state])
    log_rate = rng.normal(0, 0.5, 200) + donor_sd * rng.normal(size=(8, 200))[codes]
    log_rate[:, :20] += shift * ((codes >= 4) & (state == 1))[:, None]
    fitted = fit_neighborhoods(x, 6)
    moments = collect_neighborhood_moments(fitted.weights(x), np.log1p(rng.poisson(np.exp(log_rate))), codes)
    return {"moments": moments, "nodes": neighborhood_tree(fitted)}


def groups(flip: bool = False) -> SampleDesign:
    late = (np.arange(8) >= 4) != flip
    return SampleDesign(np.column_stack([np.ones(8), late]).astype(float), np.array([0.0, 1.0]))


def test_gene_test_holds_its_level_without_change() -> None:
    p = np.concatenate([gene_test(**simulate(seed), design=groups()).pvalue for seed in range(8)])
    assert 0.025 < np.mean(p < 0.05) < 0.065
    assert np.mean(p < 0.001) < 0.004


def test_three_cells_are_three_whatever_the_rounding() -> None:
    """Cells far from other neighbourhoods have a weight of next to 1 here."""
    settings, design = GeneTestSettings(), groups()
    for least in (3.0, 3 - 4e-16, 3 - 1e-8):
        assert _usable(np.array([least, *[9.0] * 7]), design, settings).all()
    assert not _usable(np.array([2.99, *[9.0] * 7]), design, settings).all()


def test_gene_test_finds_the_change_where_it_is() -> None:
    test = gene_test(**simulate(0, shift=1.2), design=groups())
    assert (test.qvalue[:20] < 0.05).mean() > 0.9
    assert (test.qvalue[20:] < 0.05).mean() < 0.03
    strongest = np.median(np.abs(test.z[:, :20]), axis=1)
    # the nodes inside the unchanged state see nothing, those of the changed one the shift
    assert strongest[:6].max() > 4
    assert strongest[:6].min() < 1.5
    best = np.nanargmax(strongest)
    assert (test.effect[best, :20] > 0).all()


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 100))
def test_swapping_conditions_flips_z(seed: int) -> None:
    data = simulate(seed, shift=0.5)
    first, second = gene_test(**data, design=groups()), gene_test(**data, design=groups(flip=True))
    np.testing.assert_allclose(second.z, -first.z, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(second.pvalue, first.pvalue, rtol=1e-6)


def test_sparse_neighborhoods_and_silent_genes_are_left_out() -> None:
    codes = np.repeat(np.arange(8), 60)
    rng = np.random.default_rng(0)
    weights = np.zeros((480, 2))
    # the second neighbourhood has cells of two samples only
    second = (codes < 2) & (rng.random(480) < 0.5)
    weights[second, 1] = weights[~second, 0] = 1
    y = rng.poisson(1.0, (480, 100)).astype(float)
    y[:, 0] = 0
    y[:, 1] = 0
    y[:14, 1] = 1
    y[:, 2] = 2
    test = gene_test(collect_neighborhood_moments(weights, y, codes), np.eye(2, dtype=bool), groups())
    assert np.isnan(test.node_pvalue[1]).all()
    assert np.isnan(test.pvalue[:3]).all()
    assert np.isnan(test.qvalue[:3]).all()
    np.testing.assert_allclose(test.pvalue[3:], np.minimum(test.node_pvalue[0, 3:], LARGEST_P), rtol=1e-9)


def test_no_node_with_enough_samples() -> None:
    test = gene_test(**simulate(0), design=groups(), settings=GeneTestSettings(min_cells=1e6))
    assert np.isnan(test.pvalue).all()


def test_a_gene_does_not_depend_on_what_is_tested_beside_it() -> None:
    """All that is shared is learnt from the reference: the other genes may be there, or anything else in their place."""
    data = simulate(3, shift=0.8)
    moments, reference = data["moments"], np.arange(200) < 150
    both = gene_test(**data, design=groups(), reference=reference)
    some = np.concatenate([np.arange(150), [180, 160]])
    picked = replace(moments, sums=moments.sums[:, :, some], squares=moments.squares[:, some])
    few = gene_test(picked, data["nodes"], groups(), reference=np.arange(152) < 150)
    np.testing.assert_allclose(few.pvalue, both.pvalue[some], rtol=1e-9)
    np.testing.assert_allclose(few.z, both.z[:, some], rtol=1e-9, atol=1e-12)
    # and those of the reference are what they are without the others
    alone = replace(moments, sums=moments.sums[:, :, :150], squares=moments.squares[:, :150])
    np.testing.assert_allclose(gene_test(alone, data["nodes"], groups()).pvalue, both.pvalue[:150], rtol=1e-9)
    chosen = np.array([180, 3, 160])
    np.testing.assert_array_equal(both.subset(chosen).pvalue, both.pvalue[chosen])
    np.testing.assert_allclose(few.weight, both.weight[some], rtol=1e-9)
    weight = both.weight[chosen] / both.weight[chosen].mean()
    expected = stats.false_discovery_control(np.minimum(both.pvalue[chosen] / weight, 1))
    np.testing.assert_allclose(both.subset(chosen).qvalue, expected, rtol=1e-12)
    equal = gene_test(**data, design=groups(), settings=GeneTestSettings(weights="equal"), reference=reference)
    np.testing.assert_allclose(equal.qvalue, stats.false_discovery_control(both.pvalue), rtol=1e-12)


def test_one_contrast_as_several_gives_the_same_p() -> None:
    data = simulate(1, shift=0.8)
    one, several = (
        gene_test(**data, design=groups()),
        gene_test(**data, design=SampleDesign(groups().matrix, np.eye(2)[:, 1:])),
    )
    np.testing.assert_allclose(several.pvalue, one.pvalue, rtol=1e-8)
    np.testing.assert_allclose(several.qvalue, one.qvalue, rtol=1e-8)
    np.testing.assert_allclose(several.effect[..., 0], one.effect, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(several.z, np.abs(one.z), rtol=1e-6, atol=1e-8)
    assert several.subset(np.array([3, 5])).effect.shape == (len(data["nodes"]), 2, 1)


def test_several_levels_hold_their_level_and_find_a_change_in_any() -> None:
    levels = np.repeat(np.arange(4), 2)
    design = SampleDesign(np.column_stack([np.ones(8), *np.eye(4)[1:, levels]]), np.eye(4)[:, 1:])
    p = np.concatenate([gene_test(**simulate(seed), design=design).pvalue for seed in range(6)])
    assert 0.015 < np.mean(p < 0.05) < 0.07
    assert np.mean(p < 0.001) < 0.005
    found = gene_test(**simulate(0, shift=1.5), design=design)
    assert (found.qvalue[:20] < 0.05).mean() > 0.7
    assert (found.qvalue[20:] < 0.05).mean() < 0.03
    # the last two levels are higher, the second is as the first
    best = np.nanargmax(np.median(found.z[:, :20], axis=1))
    effects = np.median(found.effect[best, :20], axis=0)
    assert effects[1] > 0.5
    assert effects[2] > 0.5
    assert abs(effects[0]) < 0.3


def test_blocked_donors_hold_their_level_and_ignoring_them_does_not() -> None:
    """Four donors with two samples each that share most of what is theirs; the condition is one of donors."""

    def p(seed: int, block: np.ndarray | None) -> np.ndarray:
        rng = np.random.default_rng(seed)
        donors, codes = np.repeat(np.arange(6), 2), np.repeat(np.arange(12), 50)
        log_rate = rng.normal(0, 0.5, 150) + (0.4 * rng.normal(size=(6, 150)))[donors[codes]]
        log_rate += 0.1 * rng.normal(size=(12, 150))[codes]
        weights, y = np.ones((600, 1)), np.log1p(rng.poisson(np.exp(log_rate)))
        moments = collect_neighborhood_moments(weights, y, codes)
        matrix = np.column_stack([np.ones(12), donors >= 3]).astype(float)
        design = SampleDesign(matrix, np.array([0.0, 1.0]), donors if block is None else block)
        return gene_test(moments, np.ones((1, 1), dtype=bool), design).pvalue

    with_blocks = np.concatenate([p(seed, None) for seed in range(8)])
    without = np.concatenate([p(seed, np.arange(12)) for seed in range(8)])
    assert 0.02 < np.mean(with_blocks < 0.05) < 0.08
    assert np.mean(without < 0.05) > 0.1
