"""Against sequencing depth simulated from counts, and with changes that must survive."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kompot_scverse._stats.level_trend import remove_level_trend


def depths_apart(seed: int, genes: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Mean log1p CP10k of eight samples whose cells have 1,300 counts or, in the second half, 1,850."""
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(-1.5, 1.5, genes))
    rate /= rate.sum()
    depth = np.repeat([1300, 1850], 4)
    means = np.array([np.log1p(1e4 * rng.poisson(n * rate, (100, genes)) / n).mean(axis=0) for n in depth])
    return means, means.mean(axis=0)


def t_statistic(means: np.ndarray) -> np.ndarray:
    first, second = means[:4], means[4:]
    pooled = np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 4)
    return (second.mean(axis=0) - first.mean(axis=0)) / np.maximum(pooled, 1e-9)


def test_depth_looks_like_expression_until_it_is_removed() -> None:
    means, level = depths_apart(0)
    expressed = level > 0.02
    before, after = (np.abs(t_statistic(m)[expressed]) > 2.447 for m in (means, remove_level_trend(means, level)))
    assert before.mean() > 0.15
    # 0.05 is what the t distribution with six degrees of freedom gives
    assert 0.02 < after.mean() < 0.08


def test_genes_that_change_one_way_keep_their_change() -> None:
    means, level = depths_apart(1)
    changed = np.random.default_rng(0).permutation(3000) < 450
    shifted = means + 0.3 * np.outer(np.arange(8) >= 4, changed)
    effect = np.diff([m.mean(axis=0) for m in np.split(remove_level_trend(shifted, level), 2)], axis=0)[0]
    assert effect[changed].mean() == pytest.approx(0.3, abs=0.03)
    assert abs(effect[~changed].mean()) < 0.03


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_order_of_genes_and_samples_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(6, 400))
    level = rng.normal(size=400)
    genes, samples = rng.permutation(400), rng.permutation(6)
    expected = remove_level_trend(means, level)[np.ix_(samples, genes)]
    np.testing.assert_allclose(remove_level_trend(means[np.ix_(samples, genes)], level[genes]), expected, atol=1e-12)


def test_what_all_genes_share_goes_and_few_genes_stay_as_they_are() -> None:
    rng = np.random.default_rng(0)
    shift, gene = rng.normal(size=(5, 1)), rng.normal(size=(1, 600))
    found = remove_level_trend(shift + gene, gene[0])
    np.testing.assert_allclose(found, np.broadcast_to(gene + shift.mean(), found.shape), atol=1e-12)
    few = (shift + gene)[:, :299]
    assert remove_level_trend(few, gene[0, :299]) is few
