"""Cells of an effect with several coefficients."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse.pl._da_levels import draw_levels, level_calls

EFFECT = {"groupby": "~ stage", "group": "stage", "effect": "stage"}
Q = np.array([0.01, 0.2, 0.05, np.nan])
HIGHEST = pd.Categorical(["late", "early", "early", None], categories=["early", "late"])


@pytest.fixture
def view():
    adata = AnnData(np.zeros((4, 1)))
    obs = {"lfc_qvalue": Q, "highest": HIGHEST, "largest_lfc": np.array([2.0, 0.5, 1.5, np.nan])}
    params = {"fdr_threshold": 0.1, "effects": {"stage": {"name": "stage", "unit": None, "levels": ["early", "late"]}}}
    return add_run(adata, "da", contrast=EFFECT, params=params, obs=obs)


def test_cells_are_their_highest_level_or_neutral(view):
    calls = level_calls(view)
    np.testing.assert_array_equal(calls.found, [True, False, True, False])
    names = calls.names()
    assert names[:3].to_list() == ["highest at late", "neutral", "highest at early"]
    assert pd.isna(names.iloc[3])
    np.testing.assert_array_equal(level_calls(view, 0.02).found, [True, False, False, False])


def test_the_volcano_has_a_legend_with_the_numbers(view):
    ax = draw_levels(view, None, plt.subplots()[1], False, {})
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["highest at early (1)", "highest at late (1)", "neutral (1)", "q = 0.1"]
    assert ax.lines[0].get_ydata()[0] == pytest.approx(1)


def test_without_samples_nothing_says_which_cells_differ():
    view = add_run(AnnData(np.zeros((4, 1))), "da", contrast=EFFECT, obs={"largest_lfc": np.ones(4)})
    with pytest.raises(LookupError, match="nothing says which cells differ"):
        level_calls(view)
