"""The gene test from cells to p: error rates in simulations with nothing to find, invariances, the paired design by hand."""

import numpy as np
import pytest
from moments import collect_neighborhood_moments

from kompot_scverse._stats.gene_testing import GeneTest, GeneTestSettings, gene_test
from kompot_scverse._stats.linear_model import SampleDesign, fit_linear
from kompot_scverse._stats.moderated import moderated_test
from kompot_scverse._stats.neighborhoods import (
    fit_neighborhoods,
    neighborhood_tree,
)
from kompot_scverse._stats.node_means import node_means

GENES = 400


def two_groups(n: int, late: int) -> SampleDesign:
    matrix = np.column_stack([np.ones(n), np.arange(n) >= n - late]).astype(float)
    return SampleDesign(matrix, np.array([0.0, 1.0]))


def cells(
    seed: int, sizes: list[int], sample_sd: float | np.ndarray, genes: int = GENES
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Representation with three states, expression with sample effects of the given deviation, sample numbers."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes)
    state = rng.integers(0, 3, len(codes))
    x = rng.normal(size=(len(codes), 4)) + 5 * np.eye(4)[state]
    sd = np.broadcast_to(sample_sd, len(sizes))[:, None]
    y = 4 + rng.normal(size=(3, genes))[state] + rng.normal(size=(len(codes), genes))
    return x, y + (sd * rng.normal(size=(len(sizes), genes)))[codes], codes


def run(x: np.ndarray, y: np.ndarray, codes: np.ndarray, design: SampleDesign) -> GeneTest:
    fitted = fit_neighborhoods(x, 6)
    return gene_test(collect_neighborhood_moments(fitted.weights(x), y, codes), neighborhood_tree(fitted), design)


@pytest.mark.parametrize(
    ("sizes", "late", "sample_sd"),
    [
        ([100] * 4, 2, 0.15),
        ([100] * 6, 3, 0.3),
        ([100] * 8, 4, 0.0),
        ([40, 400, 80, 150, 400, 40, 150, 80], 4, 0.0),
        ([40, 400, 80, 150, 400, 40, 150, 80], 4, 0.3),
        ([100] * 8, 4, np.array([0.9] + [0.3] * 7)),
    ],
    ids=["2v2", "3v3", "4v4", "unequal", "unequal, varying", "one odd sample"],
)
def test_null_holds_its_level(sizes: list[int], late: int, sample_sd: float | np.ndarray) -> None:
    """1600 null genes; bounds of about three standard errors beyond 0.03 to 0.06."""
    design = two_groups(len(sizes), late)
    p = np.concatenate([run(*cells(seed, sizes, sample_sd), design).pvalue for seed in range(4)])
    assert 0.018 < np.mean(p < 0.05) < 0.078
    assert np.mean(p < 0.001) < 0.005


@pytest.mark.parametrize(("genes", "draws"), [(10, 48), (50, 12)])
def test_small_panels_hold_their_level(genes: int, draws: int) -> None:
    """Few features over 2 to 4 samples on a side; 0.12 of 10 features had small p when each chose its own neighbourhoods."""
    p = []
    for seed in range(draws):
        late, early = [(2, 2), (2, 3), (3, 3), (4, 4)][seed % 4]
        p.append(run(*cells(seed, [60] * (late + early), 0.2, genes), two_groups(late + early, late)).pvalue)
    assert 0.02 < np.mean(np.concatenate(p) < 0.05) < 0.08


def test_donors_shuffled_among_the_cells_break_it() -> None:
    x, y, codes = cells(0, [100] * 8, 0.3)
    rng = np.random.default_rng(0)
    shuffled = codes.copy()
    for side in (codes < 4, codes >= 4):
        shuffled[side] = rng.permutation(codes[side])
    design = two_groups(8, 4)
    true, broken = (np.mean(run(x, y, c, design).pvalue < 0.05) for c in (codes, shuffled))
    assert true < 0.08
    assert broken > 3 * true


def test_order_of_cells_samples_and_genes_does_not_matter() -> None:
    x, y, codes = cells(1, [60, 90, 120, 60, 90, 120], 0.2, genes=350)
    rng = np.random.default_rng(1)
    design = two_groups(6, 3)
    first = run(x, y, codes, design)
    order, genes, renamed = rng.permutation(len(x)), rng.permutation(350), rng.permutation(6)
    # sample s is now called renamed[s]: the design's rows move along
    moved = SampleDesign(design.matrix[np.argsort(renamed)], design.contrast)
    second = run(x[order], y[order][:, genes], renamed[codes][order], moved)
    np.testing.assert_allclose(second.pvalue, first.pvalue[genes], rtol=1e-6)
    np.testing.assert_allclose(second.z, first.z[:, genes], rtol=1e-5, atol=1e-6)


def test_paired_design_is_the_moderated_test_of_differences() -> None:
    """Equal hard samples: blocking on donors is the one-sample test of late minus early per donor."""
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(10), 50)
    donor = rng.normal(size=(5, 200))[np.arange(10) % 5]
    y = 5 + donor[codes] + rng.normal(size=(500, 200))
    moments = collect_neighborhood_moments(np.ones((500, 1)), y, codes)
    blocks = np.column_stack([np.tile(np.eye(5), (2, 1)), np.arange(10) >= 5])
    settings = GeneTestSettings(prior="limma")
    paired = gene_test(moments, np.ones((1, 1), dtype=bool), SampleDesign(blocks, np.eye(6)[5]), settings)

    means = np.array([y[codes == s].mean(axis=0) for s in range(10)])
    difference = fit_linear(means[5:] - means[:5], np.eye(5), SampleDesign(np.ones((5, 1)), np.ones(1)))
    sides = np.repeat([-1.0, 1.0], 5)
    covariate = np.log(node_means(moments, np.ones(1, dtype=bool), sides).cell_variance)
    witness = moderated_test(difference, covariate, "limma")
    np.testing.assert_allclose(paired.effect[0], witness.effect, rtol=1e-9)
    np.testing.assert_allclose(paired.node_pvalue[0], witness.pvalue, rtol=1e-7)
    # and it is far more precise than without the blocks
    plain = gene_test(moments, np.ones((1, 1), dtype=bool), two_groups(10, 5), settings)
    assert np.median(np.abs(paired.z)) > 0.5
    assert np.abs(plain.z).max() < np.abs(paired.z).max()
