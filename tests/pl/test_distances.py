"""Coordinates and colours of samples."""

from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.spatial.distance import pdist, squareform

from kompot_scverse.pl._distances import _palette, _scaled, _tree

RNG = np.random.default_rng(0)


def test_points_of_a_plane_keep_all_their_distances():
    points = RNG.normal(size=(7, 2)) * [3, 1]
    distances = squareform(pdist(points))
    found, shares = _scaled(distances)
    np.testing.assert_allclose(squareform(pdist(found)), distances, atol=1e-9)
    assert shares.sum() == 1 or abs(shares.sum() - 1) < 1e-9
    # the sign does not depend on the order of the samples
    order = RNG.permutation(7)
    moved, _ = _scaled(distances[np.ix_(order, order)])
    np.testing.assert_allclose(moved, found[order], atol=1e-9)


def test_equal_samples_are_at_one_place():
    found, shares = _scaled(np.zeros((4, 4)))
    np.testing.assert_array_equal(found, 0)
    np.testing.assert_array_equal(shares, 0)


def test_the_tree_puts_alike_samples_side_by_side():
    x = np.array([0.0, 10, 0.1, 10.2, 0.3])
    _, ax = plt.subplots()
    order = _tree(ax, np.abs(np.subtract.outer(x, x)))
    assert {tuple(sorted(order[:3])), tuple(sorted(order[-3:]))} & {(0, 2, 4)}
    np.testing.assert_array_equal(_tree(ax, np.zeros((2, 2))), [0, 1])


def test_numbers_have_a_scale_and_categories_their_colours():
    view = SimpleNamespace(data=AnnData(np.zeros((2, 1))))
    drawn, entries = _palette(view, "age", pd.Series([20.0, 40, np.nan, 60]))
    assert drawn[0] == mpl.colormaps["cividis"](0.0)
    assert drawn[1] == mpl.colormaps["cividis"](0.5)
    assert [entry.get_label() for entry in entries] == ["20", "60"]
    drawn, entries = _palette(view, "sex", pd.Series(pd.Categorical(["f", "m", None])))
    assert len({*map(str, drawn)}) == 3
    assert [entry.get_label() for entry in entries] == ["f", "m", "missing"]
