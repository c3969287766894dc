"""Cells at one point against distances of all pairs."""

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from kompot_scverse._gp.distinct import distinct_points


def same(labels):
    return labels[:, None] == labels


@pytest.mark.parametrize("apart", [0, 1e-12, 1e-9, 1e-7])
@pytest.mark.parametrize("dimensions", [1, 2, 10])
def test_copies_are_found(dimensions, apart):
    rng = np.random.default_rng(0)
    # a lattice, so that coordinates tie
    x = rng.permutation(np.unique(rng.integers(3, size=(80, dimensions)), axis=0)).astype(float)
    copies = np.repeat(x, rng.integers(1, 5, size=len(x)), axis=0)
    copies = rng.permutation(copies + apart * rng.uniform(-1, 1, size=copies.shape))
    points = distinct_points(copies)
    assert len(points) == len(x)
    np.testing.assert_array_equal(same(points.labels), cdist(copies, copies) < 0.5)
    np.testing.assert_array_equal(points.labels[points.rows], np.arange(len(points)))


def test_chains_in_one_coordinate_are_not_points():
    """Neighbours in each coordinate, but not in both at once."""
    step = 5e-7
    line = np.arange(40) * step
    x = np.column_stack([line, np.random.default_rng(0).permutation(line) * 1e6])
    assert len(distinct_points(x)) == 40


def test_a_dense_cloud_is_not_one_point():
    x = np.linspace(0, 1, 3000)[:, None] * 1e-3
    points = distinct_points(x)
    assert 900 < len(points) <= 1002
    widths = [np.ptp(x[points.labels == label]) for label in range(len(points))]
    assert max(widths) <= 1e-6


def test_components_of_close_pairs():
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(size=(60, 3)), rng.normal(size=(60, 3))])
    x[60:80] = x[:20] + 4e-7 * rng.uniform(-1, 1, size=(20, 3))
    expected = connected_components(cdist(x, x) <= 1e-6)[1]
    np.testing.assert_array_equal(same(distinct_points(x).labels), same(expected))


def test_points_are_in_an_order_of_the_data():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(50, 2))
    order = rng.permutation(50)
    np.testing.assert_array_equal(x[distinct_points(x).rows], x[order][distinct_points(x[order]).rows])
