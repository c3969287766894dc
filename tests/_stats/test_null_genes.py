"""Null genes are the genes' own values, shuffled over the cells of the analysis."""

import numpy as np
import pytest
import scipy.sparse as sp

from kompot_scverse._gp.feature_sums import sample_grams
from kompot_scverse._stats import null_genes as module
from kompot_scverse._stats.null_genes import (
    SHARED,
    choose_null_genes,
    draw_permutations,
    null_gene_batches,
    residual_null_moments,
    shuffle_cells,
)

N, GENES = 90, 2 * SHARED + 3


@pytest.fixture
def cells():
    return np.flatnonzero(np.random.default_rng(1).uniform(size=N) < 0.7)


@pytest.fixture
def values(cells):
    rng = np.random.default_rng(0)
    dense = rng.poisson(0.5, size=(N, GENES)) * rng.uniform(size=(N, GENES))
    dense[np.setdiff1d(np.arange(N), cells)] = 0
    return sp.csr_array(dense)


def shuffle(values, cells, order, rng):
    return shuffle_cells(values, cells, draw_permutations(cells, order, values.shape[1], rng))


def test_values_stay_with_their_gene_and_the_cells(values, cells):
    shuffled = shuffle(values, cells, np.arange(len(cells)), np.random.default_rng(2)).toarray()
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(values.toarray(), axis=0))
    assert (shuffled[np.setdiff1d(np.arange(N), cells)] == 0).all()
    assert (shuffled != values.toarray()).any(axis=0).all()


def test_same_seed_same_result(values, cells):
    order = np.arange(len(cells))
    a, b, c = (shuffle(values, cells, order, np.random.default_rng(seed)).toarray() for seed in (3, 3, 4))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


def test_genes_that_share_a_permutation(values, cells):
    dense = values.toarray()
    dense[:, 1] = dense[:, 0]
    dense[:, SHARED] = dense[:, 0]
    shuffled = shuffle(sp.csr_array(dense), cells, np.arange(len(cells)), np.random.default_rng(0)).toarray()
    np.testing.assert_array_equal(shuffled[:, 0], shuffled[:, 1])
    assert (shuffled[:, 0] != shuffled[:, SHARED]).any()


def test_order_of_the_file_does_not_matter(values, cells):
    state = np.random.default_rng(5).normal(size=N)
    file_order = np.random.default_rng(6).permutation(N)

    def by_state(values, cells, state):
        rank = np.empty(len(cells), dtype=np.intp)
        rank[np.argsort(state[cells])] = np.arange(len(cells))
        return shuffle(values, cells, rank, np.random.default_rng(0)).toarray()

    moved = np.flatnonzero(np.isin(file_order, cells))
    expected = by_state(values, cells, state)[file_order]
    np.testing.assert_array_equal(by_state(values[file_order], moved, state[file_order]), expected)


def test_residual_nulls_are_fit_plus_residuals_from_elsewhere(values, cells):
    rng = np.random.default_rng(7)
    phi, weights = rng.normal(size=(N, 4)), rng.normal(size=(GENES, 4))
    codes = np.full(N, -1)
    codes[cells] = rng.integers(0, 3, size=len(cells))
    permutations = draw_permutations(cells, rng.permutation(len(cells)), GENES, rng)
    grams = sample_grams(phi, codes, 3)
    shuffled = shuffle_cells(values, cells, permutations).toarray()
    cross = np.stack([shuffled[codes == s].T @ phi[codes == s] for s in range(3)])
    found = residual_null_moments(cross, weights, phi, codes, grams, cells, permutations)

    dense = values.toarray()
    expected = np.zeros_like(cross)
    for gene in range(GENES):
        null = np.zeros(N)
        fit = phi @ weights[gene]
        # the residual of each cell goes to its place
        null[permutations[gene // SHARED]] = (dense[:, gene] - fit)[cells]
        null[cells] += fit[cells]
        for s in range(3):
            expected[s, gene] = null[codes == s] @ phi[codes == s]
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_choice_repeats_only_if_it_must():
    rng = np.random.default_rng(0)
    assert len(np.unique(choose_null_genes(50, 50, rng))) == 50
    many = choose_null_genes(10, 200, rng)
    assert len(many) == 200
    assert set(many) == set(range(10))


@pytest.mark.parametrize("limit", [1, 10**9, SHARED * 40])
def test_batches_are_the_whole(values, cells, monkeypatch, limit):
    monkeypatch.setattr(module, "BATCH_VALUES", limit)
    permutations = draw_permutations(cells, np.arange(len(cells)), GENES, np.random.default_rng(0))
    batches = list(null_gene_batches(values))
    assert len(batches) == {1: 3, 10**9: 1}.get(limit, len(batches))
    parts = [shuffle_cells(values[:, genes], cells, permutations[drawn]).toarray() for genes, drawn in batches]
    np.testing.assert_array_equal(np.hstack(parts), shuffle_cells(values, cells, permutations).toarray())
