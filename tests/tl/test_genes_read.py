"""What a fit reads: the features asked for in their order, and those it learns from whatever is asked for."""

import numpy as np
import pytest

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp.sample_sums import DOUBLE, SINGLE
from kompot_scverse.tl import _genes_read as module
from kompot_scverse.tl._genes_read import genes_read

Y = np.random.default_rng(0).normal(size=(6, 30))
NAMES = [f"g{number}" for number in range(30)]
NUMBERS = np.array([20, 3, 11])


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(module, "MAX_LEARNING", 8)


def test_the_genes_learnt_from_are_the_same_whatever_is_asked_for():
    every = matrix_reader(Y, None, "y")
    whole, some = genes_read(every, NAMES, None, learn=True), genes_read(every, NAMES, NUMBERS, learn=True)
    read = np.union1d(NUMBERS, whole.reference)
    assert len(whole.reference) == len(some.reference) == 8
    np.testing.assert_array_equal(read[some.reference], whole.reference)
    np.testing.assert_array_equal(read[some.chosen], NUMBERS)
    assert some.y.shape == (6, len(read))
    np.testing.assert_array_equal(whole.chosen, np.arange(30))


def test_without_learning_only_what_is_asked_for_is_read():
    found = genes_read(matrix_reader(Y, None, "y"), NAMES, NUMBERS, learn=False)
    assert found.y.shape == (6, 3)
    assert found.chosen.tolist() == [2, 0, 1]
    assert len(found.reference) == 0


def test_values_that_are_not_finite_stop_what_is_asked_for_and_teach_nothing():
    every = matrix_reader(Y, None, "y")
    found = genes_read(every, NAMES, NUMBERS, learn=True)
    other = np.setdiff1d(found.reference, found.chosen)[0]
    squares = np.ones((2, found.y.shape[1]))
    squares[1, other] = np.inf
    assert found.check(squares).reference.tolist() == [one for one in found.reference if one != other]
    squares[0, found.chosen[1]] = np.nan
    with pytest.raises(ValueError, match="finite"):
        found.check(squares)


def test_sums_are_as_exact_as_the_values_that_are_read():
    for dtype, expected in ((np.float64, DOUBLE), (np.float32, SINGLE)):
        assert genes_read(matrix_reader(Y.astype(dtype), None, "y"), NAMES, None, learn=False).rounding == expected
