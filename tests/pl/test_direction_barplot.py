import numpy as np
import pandas as pd
import pytest

import kompot_scverse.pl as pl


def table(adata) -> pd.DataFrame:
    cells = adata.obs["Age"].isin(["Young", "Old"])
    direction = adata.obs["kompot_da_Young_to_Old_lfc_direction"]
    return pd.crosstab(adata.obs["branch"][cells], direction[cells]).reindex(
        columns=["down", "neutral", "up"], fill_value=0
    )


def rows(ax) -> list[str]:
    return [label.get_text().split(" (n")[0] for label in ax.get_yticklabels()]


@pytest.mark.parametrize("normalize", [True, False])
def test_widths_and_order(analysed, unchanged, assert_not_clipped, normalize):
    with unchanged(analysed):
        ax = pl.direction_barplot(analysed, "branch", normalize=normalize)
    counts = table(analysed)
    shares = counts.div(counts.sum(axis=1), axis=0)
    balance = (shares["up"] - shares["down"])[rows(ax)]
    assert (np.diff(balance) <= 0).all()
    expected = (shares if normalize else counts).loc[rows(ax)]
    for bars, name in zip(ax.containers, ("down", "neutral", "up"), strict=True):
        np.testing.assert_allclose([bar.get_width() for bar in bars], expected[name])
    assert_not_clipped(ax.figure)


def test_given_order(analysed):
    assert rows(pl.direction_barplot(analysed, "branch", order=["B cell", "HSC"])) == ["B cell", "HSC"]
    with pytest.raises(KeyError, match="'HSC'"):
        pl.direction_barplot(analysed, "branch", order=["HSCs"])


@pytest.mark.parametrize("value", [True, False, 3])
@pytest.mark.parametrize("order", [False, True])
def test_one_category_that_is_no_text(analysed, value, order):
    analysed.obs["one"] = value
    ax = pl.direction_barplot(analysed, "one", order=[value] if order else None, normalize=False)
    assert rows(ax) == [str(value)]
    assert sum(bars[0].get_width() for bars in ax.containers) == analysed.obs["Age"].isin(["Young", "Old"]).sum()


def test_boolean_categories(analysed):
    analysed.obs["even"] = np.arange(analysed.n_obs) % 2 == 0
    assert sorted(rows(pl.direction_barplot(analysed, "even"))) == ["False", "True"]
    assert rows(pl.direction_barplot(analysed, "even", order=[True, False])) == ["True", "False"]


def test_no_cell_in_a_category(analysed, unchanged):
    analysed.obs["of others"] = pd.Categorical(np.where(analysed.obs["Age"] == "Mid", "mid", None))
    with (
        unchanged(analysed),
        pytest.raises(ValueError, match=r"No category of obs\['of others'\] is left that has cells"),
    ):
        pl.direction_barplot(analysed, "of others")
    with pytest.raises(ValueError, match="is left that has cells"):
        pl.direction_barplot(analysed, "branch", order=[])
