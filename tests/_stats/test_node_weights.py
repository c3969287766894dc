"""Weights against a general optimiser, and what they must do where the truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize

from kompot_scverse._stats import node_weights as weighting
from kompot_scverse._stats.combine import cauchy_combination
from kompot_scverse._stats.node_weights import (
    EFFECT_SD,
    PSEUDO_GENES,
    PSEUDO_SHARE,
    WEIGHT_SD,
    node_probabilities,
    weights_from_others,
)


def node_weights(z: np.ndarray) -> np.ndarray:
    """Those of a gene that is not among these, learnt from all of them."""
    beside = np.column_stack([z, np.full(len(z), np.nan)])
    return weights_from_others(beside, np.arange(beside.shape[1]) < z.shape[1])[:, -1]


def draw(rng: np.random.Generator, changed: dict[int, int], genes: int = 3000) -> np.ndarray:
    """z in four nodes, of which the last has a correlation of 0.8 with the one before; some genes change in a node."""
    z = rng.normal(size=(4, genes))
    z[3] = 0.8 * z[2] + 0.6 * z[3]
    for node, number in changed.items():
        shift = np.zeros(genes)
        shift[:number] = rng.normal(0, 4, number)
        z[node] += shift
        if node == 2:
            z[3] += 0.8 * shift
    return z


def test_nothing_to_find_leaves_all_nodes_alike() -> None:
    weights = np.array([node_weights(draw(np.random.default_rng(seed), {})) for seed in range(20)])
    assert np.median(weights.max(axis=1) / weights.min(axis=1)) < 1.5


def test_the_changed_node_counts_most_and_what_overlaps_it_does_not() -> None:
    weights = node_weights(draw(np.random.default_rng(0), {2: 300}))
    assert np.argmax(weights) == 2
    # 300 genes in one node beside the dozen that is added to each
    assert weights[2] > 5 * weights[[0, 1, 3]].max()


def test_two_changed_nodes_share_by_their_numbers_of_genes() -> None:
    z = draw(np.random.default_rng(0), {0: 600})
    z[1] = draw(np.random.default_rng(1), {1: 200})[1][::-1]
    weights = node_weights(z)
    assert weights[0] / weights[1] == pytest.approx(3, rel=0.3)


def test_shares_are_the_penalised_maximum_of_the_likelihood() -> None:
    """By a general optimiser, with scipy's densities; untested genes belong to no node."""
    z = draw(np.random.default_rng(2), {0: 150, 2: 80}, 1000)
    z[1, ::3] = np.nan
    sd, extra = np.sqrt(1 + WEIGHT_SD**2), PSEUDO_GENES + 1000 * PSEUDO_SHARE
    ratio = np.nan_to_num(stats.norm.pdf(z, scale=sd) / stats.norm.pdf(z))

    def loss(logits: np.ndarray) -> float:
        share = np.exp(np.append(logits, 0))
        share /= share.sum()
        return -np.log(share[-1] + share[:4] @ ratio).sum() - extra / 4 * np.log(share[:4]).sum()

    best = np.exp(np.append(minimize(loss, np.full(4, -3.0)).x, 0))
    np.testing.assert_allclose(node_weights(z), (best / best.sum())[:4], rtol=0.02)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_order_and_signs_do_not_matter_and_a_single_gene_hardly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = draw(rng, {1: 100})
    genes, nodes, signs = rng.permutation(3000), rng.permutation(4), rng.choice([-1, 1], 3000)
    weights = node_weights(z)
    np.testing.assert_allclose(node_weights((z * signs)[np.ix_(nodes, genes)]), weights[nodes], rtol=1e-9)
    z[:, 5] = [40, 0, 0, 0]
    np.testing.assert_allclose(node_weights(z), weights, rtol=0.25)


def test_few_genes_and_infinite_evidence_stay_finite() -> None:
    extra = PSEUDO_GENES + PSEUDO_SHARE
    np.testing.assert_allclose(node_weights(np.full((3, 1), np.nan)), extra / 3 / (extra + 1))
    weights = node_weights(np.array([[1e3] * 10, [0.0] * 10]))
    assert np.isfinite(weights).all()
    extra = PSEUDO_GENES + 10 * PSEUDO_SHARE
    assert weights[0] == pytest.approx((10 + extra / 2) / (10 + extra), rel=1e-3)


@pytest.mark.parametrize("n_genes", [30, 400])
def test_weights_of_a_gene_are_those_of_the_other_genes(n_genes: int) -> None:
    """Against leaving each gene out and learning anew; a gene beside the reference gets the weights of all of it."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(12, n_genes + 2))
    z[3, : n_genes // 5] += 3 * rng.normal(size=n_genes // 5)
    z[5, 7] = np.nan
    reference = np.arange(n_genes + 2) < n_genes
    found = weights_from_others(z, reference)
    known = z[:, reference]
    for gene in (0, 5, 7, n_genes - 1):
        expected = node_weights(np.delete(known, gene, axis=1))
        np.testing.assert_allclose(found[:, gene] / found[:, gene].sum(), expected / expected.sum(), rtol=0.05)
        if n_genes == 30:
            np.testing.assert_allclose(found[:, gene], expected, rtol=1e-9)
    np.testing.assert_allclose(found[:, -1], node_weights(known), rtol=1e-9)


def test_few_unchanged_genes_do_not_choose_their_own_nodes() -> None:
    """Independent nodes: the combined p is uniform with weights from the others, and too small with one's own."""
    rng = np.random.default_rng(0)
    small = np.zeros(2)
    for _ in range(200):
        z = rng.normal(size=(20, 10))
        p = 2 * stats.norm.sf(np.abs(z))
        own, others = node_weights(z)[:, None], weights_from_others(z, np.ones(10, dtype=bool))
        small += [(cauchy_combination(p, w) < 0.05).mean() / 200 for w in (own, others)]
    assert small[0] > 0.1
    assert 0.035 < small[1] < 0.065


def test_probabilities_are_bayes_rule_with_the_shares(monkeypatch) -> None:
    """With scipy's densities; a gene beside the reference, and one tested nowhere."""
    z = draw(np.random.default_rng(3), {0: 100, 2: 60}, 500)
    z[:, 7], z[1, 8] = np.nan, np.nan
    reference = np.arange(500) != 9
    monkeypatch.setattr(weighting, "WEIGHT_SD", EFFECT_SD)
    share = node_weights(z[:, reference])
    likelihood = np.nan_to_num(stats.norm.pdf(z, scale=np.sqrt(1 + EFFECT_SD**2)) / stats.norm.pdf(z)) * share[:, None]
    found = node_probabilities(z, reference)
    np.testing.assert_allclose(found[:, :7], (likelihood / (1 - share.sum() + likelihood.sum(axis=0)))[:, :7])
    assert np.isnan(found[:, 7]).all()
    assert found[1, 8] == 0


def test_genes_belong_to_the_node_where_they_change() -> None:
    """The node that overlaps it has large z for the same genes, but less often the best explanation."""
    z = draw(np.random.default_rng(4), {2: 300})
    found = node_probabilities(z, np.ones(3000, dtype=bool))
    assert np.nansum(found[2]) > 10 * np.nansum(found[3])
    strong = np.abs(z[2, :300]) > 5
    assert (found[:, :300][:, strong].argmax(axis=0) == 2).mean() > 0.95
    assert (1 - found.sum(axis=0))[300:].mean() > 0.95
