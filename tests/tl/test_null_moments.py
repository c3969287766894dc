"""Sums of shuffled genes: what shuffling keeps, and what it does not depend on."""

import numpy as np
import pytest

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp.moments import collect_moments
from kompot_scverse._stats.design import Design
from kompot_scverse.tl._null_moments import shuffled_moments

RNG = np.random.default_rng(0)
N, N_NULL = 60, 30
Y = RNG.random((N, 8)) * (RNG.random((N, 8)) > 0.3)
X = RNG.normal(size=(N, 2))
FEATURES = np.column_stack([np.ones(N), X])
CODES = np.append(np.repeat([0, 1, 2], 18), [-1] * 6).astype(np.int32)
CHOSEN = RNG.integers(0, 8, N_NULL)


def shuffled(order: np.ndarray):
    y, codes, features = Y[order], CODES[order], FEATURES[order]
    moments = collect_moments(matrix_reader(y, None, "y"), features, codes, 3, weights=np.ones((N, 1)), extract=CHOSEN)
    design = Design("c", ("a", "b", "z"), codes, "s", tuple("abz"), codes, np.arange(3), np.ones(3, dtype=bool))
    return shuffled_moments(moments, N_NULL, X[order], features, design, np.random.default_rng(1))


@pytest.fixture(scope="module")
def found():
    return shuffled(np.arange(N))


def test_every_value_goes_to_a_cell_of_the_analysis(found):
    """With the constant feature, sums over all samples are those of the values themselves."""
    used = CODES >= 0
    np.testing.assert_allclose(found.cross[:, :, 0].sum(axis=0), Y[used][:, CHOSEN].sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.square.sum(axis=0), np.square(Y[used][:, CHOSEN]).sum(axis=0), rtol=1e-5)
    assert all(sorted(one) == np.flatnonzero(used).tolist() for one in found.permutations)


def test_sums_are_those_of_the_permuted_matrix(found):
    for gene in (0, 5, 19, 20, 29):
        values = np.zeros(N)
        # twenty null genes share a permutation
        values[found.permutations[gene // 20]] = Y[found.cells, CHOSEN[gene]]
        expected = [values[CODES == sample] @ FEATURES[CODES == sample] for sample in range(3)]
        np.testing.assert_allclose(found.cross[:, gene], expected, rtol=1e-5, atol=1e-6)


def test_the_order_of_the_cells_does_not_matter(found):
    other = shuffled(np.random.default_rng(2).permutation(N))
    np.testing.assert_allclose(other.cross, found.cross, rtol=1e-5, atol=1e-6)
