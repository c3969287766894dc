"""Cells as points of a volcano plot."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse.pl._da import da_points, draw_thresholds

LFC = np.array([2.0, -1.5, 0.1, np.nan, 1.0])
TAIL = np.array([3.0, 2.5, 0.5, np.nan, 2.0])
CALLS = pd.Categorical(["up", "down", "neutral", None, "up"], categories=["down", "neutral", "up"])


@pytest.fixture
def view():
    adata = AnnData(np.zeros((5, 1)))
    adata.obs["Age"] = ["Young", "Old", "Young", "Old", "Mid"]
    obs = {"lfc": LFC, "neg_log10_lfc_ptp": TAIL, "lfc_direction": CALLS}
    return add_run(adata, "da", obs=obs, params={"ptp_threshold": 0.05, "lfc_threshold": 0.5})


def test_points_are_the_cells_of_the_contrast_with_a_result(view):
    points = da_points(view, None)
    np.testing.assert_array_equal(points.cells, [True, True, True, False, False])
    np.testing.assert_array_equal(points.xy, np.column_stack([LFC, TAIL])[:3])
    assert points.threshold == pytest.approx(-np.log10(0.05))
    assert points.counts() == {"up": 1, "down": 1, "neutral": 1}
    assert points.counts(np.array([True, False, True, True, True])) == {"up": 1, "down": 0, "neutral": 1}


def test_limits_hold_all_points_and_thresholds(view):
    wide, high = da_points(view, None, max_ptp=1e-4, min_lfc=3.0).limits()
    assert (wide, high) == (pytest.approx(3 * 1.08), pytest.approx(4 * 1.08))
    assert da_points(view, None).limits() == (pytest.approx(2 * 1.08), pytest.approx(3 * 1.08))


def test_thresholds_are_drawn_and_named(view):
    _, ax = plt.subplots()
    draw_thresholds(ax, da_points(view, None))
    assert sorted(line.get_xdata()[0] for line in ax.lines[1:]) == [-0.5, 0.5]
    assert ax.lines[0].get_ydata()[0] == pytest.approx(-np.log10(0.05))
    (entry,) = da_points(view, None).threshold_line()
    assert entry.get_label() == "|lfc| = 0.5\ntail probability = 0.05"
    _, ax = plt.subplots()
    points = da_points(view, None, min_lfc=0.0)
    draw_thresholds(ax, points)
    assert len(ax.lines) == 1
    assert points.threshold_line()[0].get_label() == "tail probability = 0.05"


def test_colors_are_of_a_column_or_the_directions(view):
    points = da_points(view, None)
    assert points.colors(view.data, "Age").to_list() == ["Young", "Old", "Young", "Old", "Mid"]
    assert points.colors(view.data, None).to_list()[:3] == ["up", "down", "neutral"]
    with pytest.raises(KeyError, match="obs column"):
        points.colors(view.data, "Agee")
    texts = [entry.get_label() for entry in points.legend({"up": "more", "down": "less"})]
    assert texts[:3] == ["more (1)", "less (1)", "neutral (1)"]
