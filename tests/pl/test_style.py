"""Limits, palettes and sizes that plots share."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kompot_scverse.pl._style import DIRECTION_COLORS, OKABE_ITO, category_colors, legend_width, percentile_limits

VALUES = np.arange(1001.0)


def test_limits_are_percentiles_or_numbers():
    assert percentile_limits(VALUES, None, None, signed=False) == (10, 990)
    assert percentile_limits(VALUES, "p5", 700, signed=False) == (50, 700)
    # all of few values, and what is not finite counts for nothing
    assert percentile_limits(np.array([1.0, 9, np.nan, np.inf]), None, None, signed=False) == (1, 9)


def test_signed_limits_are_the_same_on_both_sides():
    assert percentile_limits(VALUES - 100, None, None, signed=True) == (-890, 890)
    assert percentile_limits(VALUES - 100, -2, None, signed=True) == (-2, 2)
    assert percentile_limits(np.zeros(3), None, None, signed=True) == (-1, 1)


def test_nothing_to_draw_and_one_value_have_limits_too():
    assert percentile_limits(np.array([np.nan]), None, None, signed=False) == (0, 1)
    assert percentile_limits(np.ones(5), None, None, signed=False) == (1, 2)
    for given in ("5", "p101", "px"):
        with pytest.raises(ValueError, match=f'`vmin` must be a number or a percentile such as "p1", not {given!r}'):
            percentile_limits(VALUES, given, None, signed=False)


def test_colours_are_those_of_the_data_else_of_a_palette():
    obs = pd.DataFrame({"type": pd.Categorical(["a", "b", "c"])})
    plain = SimpleNamespace(obs=obs, uns={})
    assert category_colors(plain, "type", pd.Index(["b", "c"])) == {"b": OKABE_ITO[0], "c": OKABE_ITO[1]}
    stored = SimpleNamespace(obs=obs, uns={"type_colors": ["red", "green", "blue"]})
    assert category_colors(stored, "type", pd.Index(["b", "c"])) == {"b": "green", "c": "blue"}
    few = SimpleNamespace(obs=obs, uns={"type_colors": ["red"]})
    assert category_colors(few, "type", pd.Index(["b"])) == {"b": OKABE_ITO[0]}
    assert category_colors(stored, "type", pd.Index(["up", "down"])) == {
        name: DIRECTION_COLORS[name] for name in ("up", "down")
    }
    many = category_colors(plain, "type", pd.Index([str(number) for number in range(25)]))
    assert len(set(many.values())) == 25


def test_legends_are_as_wide_as_their_longest_name_and_title():
    assert legend_width([]) == 0
    assert legend_width(["a", "long name"]) > legend_width(["a", "b"])
    assert legend_width(["a"], "a long title of it") > legend_width(["a"])
    assert legend_width(["a"] * 16) == pytest.approx(2 * legend_width(["a"] * 15))
