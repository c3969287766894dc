"""Sums over the cells of samples."""

import numpy as np
from dense_model import CONDITIONS, Case


def test_means_are_over_all_cells_whatever_the_samples():
    case = Case(CONDITIONS["two"])
    np.testing.assert_allclose(case.sums.means(), case.y.mean(axis=0), rtol=1e-12)


def test_some_genes_have_their_own_sums():
    case, chosen = Case(CONDITIONS["three"]), np.array([3, 0])
    found = case.sums.genes(chosen)
    np.testing.assert_allclose(found.means(), case.y[:, chosen].mean(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(found.square, case.sums.square[:, chosen])
    np.testing.assert_array_equal(found.gram, case.sums.gram)
