import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import kompot_scverse.pl as pl
import kompot_scverse.pl._scatter as scatter_module
import kompot_scverse.tl as tl

PREFIX = "kompot_da_Young_to_Old"


def foreground(ax):
    return max(ax.collections, key=lambda drawn: drawn.get_zorder())


def names(ax) -> list[str]:
    """From top to bottom."""
    ticks = sorted(zip(ax.get_yticks(), ax.get_yticklabels(), strict=True), reverse=True)
    return [label.get_text().split("\n")[0] for _, label in ticks]


def contrast(adata):
    return adata.obs[adata.obs["Age"].isin(["Young", "Old"])]


def test_strips_are_in_the_order_of_the_medians(analysed, unchanged, assert_not_clipped):
    with unchanged(analysed):
        ax = pl.multi_volcano_da(analysed, "branch")
    obs = contrast(analysed)
    lfc, tail = obs[f"{PREFIX}_lfc"], obs[f"{PREFIX}_neg_log10_lfc_ptp"]
    medians = lfc.groupby(obs["branch"], observed=True).median().sort_values(ascending=False)
    assert names(ax) == list(medians.index)
    xy = np.asarray(foreground(ax).get_offsets())
    assert len(xy) == len(obs)
    for number, name in enumerate(reversed(names(ax))):
        own = xy[(xy[:, 1] >= number) & (xy[:, 1] < number + 1)]
        cells = (obs["branch"] == name).to_numpy()
        np.testing.assert_allclose(np.sort(own[:, 0]), np.sort(lfc[cells]))
        # one scale for the heights of all strips
        heights = np.sort(own[:, 1] - number)
        np.testing.assert_allclose(
            heights / tail.max(), np.sort(tail[cells]) / tail.max() * (xy[:, 1] % 1).max() / tail.max()
        )
    assert_not_clipped(ax.figure)


def test_counts_and_colors(analysed):
    ax = pl.multi_volcano_da(analysed, "branch")
    obs = contrast(analysed)
    calls = obs[f"{PREFIX}_lfc_direction"]
    for label in ax.get_yticklabels():
        name, text = label.get_text().split("\n")
        own = calls[obs["branch"] == name]
        assert text == f"{(own == 'up').sum():,} up, {(own == 'down').sum():,} down"
    colors = [to_hex(color).upper() for color in foreground(ax).get_facecolors()]
    assert colors.count("#B2182B") == (calls == "up").sum() > 0


def test_order_and_exclude(analysed):
    assert names(pl.multi_volcano_da(analysed, "branch", order=["B cell", "HSC", "Monocyte"])) == [
        "B cell",
        "HSC",
        "Monocyte",
    ]
    ax = pl.multi_volcano_da(analysed, "branch", exclude=["HSC"])
    assert "HSC" not in names(ax)
    assert len(foreground(ax).get_offsets()) == (contrast(analysed)["branch"] != "HSC").sum()
    with pytest.raises(KeyError, match="existing: 'HSC'"):
        pl.multi_volcano_da(analysed, "branch", exclude=["HSCs"])
    with pytest.raises(ValueError, match="No category of .* is left"):
        pl.multi_volcano_da(analysed, "branch", order=["HSC"], exclude=["HSC"])


def test_density_stands_where_the_cells_are(analysed):
    ax = pl.multi_volcano_da(analysed, "branch", order=["HSC"])
    (filled,) = [drawn for drawn in ax.collections if drawn.get_zorder() == 0]
    outline = filled.get_paths()[0].vertices
    obs = contrast(analysed)
    lfc = obs.loc[obs["branch"] == "HSC", f"{PREFIX}_lfc"]
    peak = outline[outline[:, 1].argmax(), 0]
    assert lfc.quantile(0.02) < peak < lfc.quantile(0.98)


def test_color_axes_and_rasterization(analysed, monkeypatch):
    _, given = plt.subplots()
    monkeypatch.setattr(scatter_module, "RASTERIZE", 100)
    ax = pl.multi_volcano_da(analysed, "branch", color="pseudotime", ax=given, vmin=0, vmax=1)
    assert ax is given
    drawn = foreground(ax)
    assert drawn.get_clim() == (0, 1)
    assert drawn.get_rasterized()
    with pytest.raises(KeyError, match="existing: 'branch'"):
        pl.multi_volcano_da(analysed, "brnch")


def test_overwritten_fields_warn_at_the_call(analysed):
    tl.da(analysed, "Age", reference="Young", groups="Old", overwrite=True)
    # with the values that were there
    pl.multi_volcano_da(analysed, "branch", run_id=1)
    tl.da(analysed, "Age", reference="Young", groups="Old", method="density", overwrite=True)
    with pytest.warns(UserWarning, match="run 1 .* were overwritten and now hold the values of run 3") as caught:
        pl.multi_volcano_da(analysed, "branch", run_id=1)
    assert [warning.filename for warning in caught] == [__file__]


def test_numbers_of_neighboring_strips_do_not_touch(analysed):
    many = analysed.obs["branch"].astype(str) + " " + analysed.obs["Age"].astype(str)
    analysed.obs["many"] = pd.Categorical(many)
    ax = pl.multi_volcano_da(analysed, "many", y="tail")
    ax.figure.canvas.draw()
    (scale,) = ax.child_axes
    boxes = sorted(text.get_window_extent().get_points()[:, 1].tolist() for text in scale.get_yticklabels())
    assert len(boxes) >= 2 * contrast(analysed)["many"].nunique()
    assert all(low[1] < high[0] for low, high in zip(boxes, boxes[1:], strict=False))
