"""Genes to learn from: not a matter of order."""

import numpy as np

from kompot_scverse._stats.reference_genes import MIN_CELLS, reference_genes


def test_few_genes_are_all_that_are_expressed():
    expressing = np.array([MIN_CELLS, 0, 500, MIN_CELLS - 1])
    np.testing.assert_array_equal(reference_genes(list("abcd"), expressing), [0, 2])


def test_of_many_genes_the_same_are_chosen_in_any_order():
    rng = np.random.default_rng(0)
    names, expressing = np.array([f"gene{i}" for i in range(2000)]), rng.integers(0, 100, 2000)
    chosen = reference_genes(list(names), expressing, 300)
    assert len(chosen) == 300
    assert (np.diff(chosen) > 0).all()
    assert (expressing[chosen] >= MIN_CELLS).all()
    order = rng.permutation(2000)
    moved = reference_genes(list(names[order]), expressing[order], 300)
    assert set(names[order][moved]) == set(names[chosen])
    # spread evenly over the file
    assert 100 < (chosen < 1000).sum() < 200
