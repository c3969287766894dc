"""Areas and rings of dots, and their key."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kompot_scverse.pl._dots import LARGEST, RING, draw_dots, size_key

COLOR = pd.DataFrame([[1.0, -2.0], [0.5, np.nan]])
SHARE = pd.DataFrame([[0.4, 0.1], [0.0, 0.2]])


def test_areas_are_shares_of_the_next_round_number():
    _, ax = plt.subplots()
    dots, top = draw_dots(ax, COLOR, SHARE, {})
    assert top == 0.5
    np.testing.assert_allclose(dots.get_sizes(), LARGEST * np.array([0.4, 0.1, 0.0]) / 0.5)
    np.testing.assert_array_equal(dots.get_offsets(), [[0, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(dots.get_array(), [1, -2, 0.5])
    # zero is the middle of the colours
    assert dots.norm.vmin == -dots.norm.vmax
    # what is missing is a cross
    np.testing.assert_array_equal(ax.collections[-1].get_offsets(), [[1, 1]])


@pytest.mark.parametrize(("share", "top"), [(0.0, 0.1), (0.25, 0.25), (0.3, 0.5), (0.76, 1.0), (1.0, 1.0)])
def test_the_largest_dot_stands_for_a_round_share(share: float, top: float):
    _, ax = plt.subplots()
    assert draw_dots(ax, pd.DataFrame([[1.0]]), pd.DataFrame([[share]]), {})[1] == top


def test_called_dots_have_a_ring_around_them():
    _, ax = plt.subplots()
    draw_dots(ax, COLOR, SHARE, {}, called=np.array([[True, False], [False, True]]))
    (rings,) = [one for one in ax.collections if one.get_label() == "_called"]
    # not the one that is missing
    np.testing.assert_array_equal(rings.get_offsets(), [[0, 0]])
    np.testing.assert_allclose(rings.get_sizes(), LARGEST * 0.8 + RING)


def test_the_key_has_dots_of_the_areas_drawn():
    _, ax = plt.subplots()
    size_key(ax, 0.5, 1.0, "q ≤ 0.05")
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["12%", "25%", "50%", "q ≤ 0.05"]
    largest = legend.legend_handles[2].get_markersize()
    assert largest**2 == pytest.approx(LARGEST)
