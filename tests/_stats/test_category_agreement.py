"""Fitted and plain means of categories: the plain ones by numpy, disagreement beyond errors and a shared shift."""

import numpy as np
import pytest

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp.moments import collect_moments
from kompot_scverse._stats.category_agreement import PlainMeans, disagreement, plain_means

RNG = np.random.default_rng(0)


def test_plain_means_are_those_of_the_cells() -> None:
    y, codes, types = RNG.normal(size=(90, 4)), np.arange(90) % 3, RNG.integers(0, 2, 90)
    codes[:5] = -1
    member = (types[:, None] == [0, 1]).astype(float)
    moments = collect_moments(matrix_reader(y, None, "y"), np.empty((90, 0)), codes, 3, weights=member)
    sizes = np.stack([member[codes == code].sum(axis=0) for code in range(3)])
    found = plain_means(moments, sizes, 2, 5)
    for category in range(2):
        sides = [y[(codes == code) & (types == category)] for code in (0, 2)]
        np.testing.assert_allclose(found.effect[:, category], sides[1].mean(axis=0) - sides[0].mean(axis=0))
        variance = sum(side.var(axis=0, ddof=1) / len(side) for side in sides)
        np.testing.assert_allclose(found.error[:, category] ** 2, variance)
    assert np.isnan(plain_means(moments, sizes, 2, 90).effect).all()


def test_only_what_is_large_beyond_its_errors_disagrees() -> None:
    error = np.full((400, 2), 0.1)
    plain = PlainMeans(RNG.normal(0, 0.1, (400, 2)), error)
    fitted = RNG.normal(0, 0.1, (400, 2)) + [0.0, 3.0]
    fitted[7, 1] += 2
    plain.effect[9] = np.nan
    found = disagreement(fitted, error, plain)
    assert np.argwhere(found > 0).tolist() == [[7, 1]]
    assert found[7, 1] == pytest.approx(2 / np.hypot(0.1, 0.1), rel=0.2)
    # small differences are not worth a word, however precise
    assert not disagreement(fitted / 20, error / 1000, PlainMeans(plain.effect / 20, error / 1000)).any()


def test_a_gene_that_is_fitted_well_agrees_however_far_the_others_are_shifted() -> None:
    """As one that no cell of the category expresses, whose means have no error."""
    fitted, error = np.full((9, 1), 1.0), np.full((9, 1), 0.1)
    plain = PlainMeans(np.zeros((9, 1)), error.copy())
    fitted[4] = error[4] = plain.error[4] = 0
    fitted[5] = 3
    assert np.argwhere(disagreement(fitted, error, plain) > 0).tolist() == [[5, 0]]
