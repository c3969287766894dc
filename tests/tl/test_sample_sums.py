"""Sums over the cells of every sample, against sums of the dense matrix."""

import numpy as np
import pytest

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._stats.design import Design
from kompot_scverse.tl._depth import sample_depths
from kompot_scverse.tl._sample_sums import collect_sums


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    codes = np.append(np.repeat([0, 1], 20), [-1] * 5).astype(np.int32)
    # no logs of scaled counts: sums are of the values as they are
    y = rng.normal(size=(45, 12))
    y[:, 3] = 0
    design = Design("a", ("x", "y"), codes, "s", ("s0", "s1"), codes, np.array([0, 1]), np.ones(2, dtype=bool))
    weights = rng.random((45, 3))
    every = matrix_reader(y, None, "layer")
    return y, every, sample_depths(every, weights, design, required=False), weights, design


@pytest.mark.parametrize("numbers", [None, np.array([7, 3, 0])])
def test_sums_of_the_genes_asked_for_are_those_of_the_dense_matrix(case, numbers):
    y, every, depths, weights, design = case
    found = collect_sums(every, [f"g{n}" for n in range(12)], numbers, depths, weights, design)
    asked = np.arange(12) if numbers is None else numbers
    for sample in range(2):
        own = design.sample_codes == sample
        np.testing.assert_allclose(
            found.moments.sums[sample][found.chosen], y[own][:, asked].T @ weights[own], rtol=1e-6, atol=1e-9
        )
        np.testing.assert_allclose(
            found.moments.squares[sample][found.chosen], (y[own][:, asked] ** 2).T @ weights[own], rtol=1e-6, atol=1e-9
        )
    # all that are expressed, whatever is asked for
    assert found.reference.sum() == 11
    assert found.reference[found.chosen].tolist() == (asked != 3).tolist()
