"""Scatters coloured by a column."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.colors import to_rgba

from kompot_scverse.pl import _scatter as module
from kompot_scverse.pl._scatter import color_legend_width, color_scatter, point_size, scatter, shuffled

POINTS = np.column_stack([np.arange(6.0), np.arange(6.0) ** 2])
DATA = AnnData(np.zeros((6, 1)))


def draw(values, **options):
    _, ax = plt.subplots()
    drawn = color_scatter(ax, POINTS, pd.Series(values), data=DATA, key="k", label="what", **options)
    return ax, drawn


def test_points_shrink_with_their_number_within_limits():
    assert [point_size(n) for n in (0, 10, 4_000, 1_000_000)] == [24, 24, 10, 1]


def test_extreme_numbers_lie_on_top():
    _, drawn = draw([3.0, -5, 1, 0, 2, -1], signed=True)
    np.testing.assert_array_equal(drawn.get_array(), [0, 1, -1, 2, 3, -5])
    np.testing.assert_array_equal(drawn.get_offsets()[-1], POINTS[1])
    assert drawn.norm.vmin == -drawn.norm.vmax
    _, drawn = draw([3.0, -5, 1, 0, 2, -1])
    np.testing.assert_array_equal(drawn.get_array(), [-5, -1, 0, 1, 2, 3])


def test_missing_values_and_points_not_shown_are_in_the_background():
    shown = np.array([True, True, True, False, True, True])
    ax, drawn = draw([1.0, np.nan, 2, 3, 4, 5], shown=shown)
    np.testing.assert_array_equal(drawn.get_array(), [1, 2, 4, 5])
    (behind,) = [one for one in ax.collections if one.get_label() == "_background"]
    np.testing.assert_array_equal(behind.get_offsets(), POINTS[[1, 3]])
    ax, _ = draw([1.0, np.nan, 2, 3, 4, 5], background=False)
    assert not [one for one in ax.collections if one.get_label() == "_background"]


def test_extrapolated_points_are_grey_and_the_legend_says_so():
    ax, drawn = draw([1.0, 2, 3, 4, 5, 6], unsupported=np.arange(6) < 2)
    np.testing.assert_array_equal(drawn.get_array(), [3, 4, 5, 6])
    assert "hardly any cells" in "".join(text.get_text() for text in ax.get_legend().get_texts())


def test_categories_have_their_colours_in_a_mixed_order():
    palette = {"a": "red", "b": "blue"}
    ax, drawn = draw(pd.Categorical(["a", "b", "a", None, "b", "a"], categories=["a", "b", "unused"]), palette=palette)
    order = shuffled(6)
    order = order[order != 3]
    np.testing.assert_array_equal(drawn.get_offsets(), POINTS[order])
    expected = [to_rgba(palette["ab"[code]]) for code in np.array([0, 1, 0, -1, 1, 0])[order]]
    np.testing.assert_allclose(drawn.get_facecolors(), expected)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_truth_values_are_categories():
    ax, _ = draw([True, False, True, True, False, True])
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"True", "False"}
    assert color_legend_width(pd.Series([True, False]), "k") == color_legend_width(pd.Series(["True", "False"]), "k")
    assert color_legend_width(pd.Series([1.0]), "k") == 0.8


def test_very_many_points_are_an_image(monkeypatch: pytest.MonkeyPatch):
    _, ax = plt.subplots()
    assert not scatter(ax, POINTS[:, 0], POINTS[:, 1], "k").get_rasterized()
    monkeypatch.setattr(module, "RASTERIZE", 5)
    assert scatter(ax, POINTS[:, 0], POINTS[:, 1], "k").get_rasterized()


def test_categories_named_on_the_data_stand_near_their_points():
    names = [f"type {number}" for number in range(12)]
    values, points = np.repeat(names, 5), np.random.default_rng(0).normal(size=(60, 2)) * 0.1
    points += np.repeat(np.column_stack([np.arange(12), np.arange(12) % 3]), 5, axis=0)
    _, ax = plt.subplots(figsize=(9, 6))
    data = AnnData(np.zeros((60, 1)))
    color_scatter(ax, points, pd.Series(values), data=data, key="k", label="", on_data=True, legend=False)
    found = {text.get_text(): np.array(text.get_position()) for text in ax.texts}
    assert sorted(found) == sorted(names)
    for number, name in enumerate(names):
        assert np.abs(found[name] - [number, number % 3]).max() < 1.5
