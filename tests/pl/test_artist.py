import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import SymLogNorm, to_rgb
from matplotlib.text import Text

import kompot_scverse.pl as pl
from kompot_scverse.pl._artist import color_scale


def foreground(ax):
    return next(c for c in ax.collections if c.get_label() != "_background")


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("embedding", ()),
        ("expression", ("gene",)),
        ("volcano_de", ()),
        ("volcano_da", ()),
        ("heatmap", ("branch",)),
        ("dotplot", ("branch",)),
        ("direction_barplot", ("branch",)),
        ("diagnostics", ()),
    ],
)
def test_unknown_keyword(analysed, function, arguments):
    if arguments == ("gene",):
        arguments = (analysed.var_names[0],)
    with pytest.raises(TypeError, match=rf"kp\.pl\.{function}` has no argument 'keyy'.*existing: 'key_added'"):
        getattr(pl, function)(analysed, *arguments, keyy=1)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("title", r"ax\.set_title"), ("figsize", "set_size_inches"), ("save", "savefig"), ("dpi", "dpi=300")],
)
def test_arguments_of_other_packages_are_told_where_they_belong(analysed, name, hint):
    one_gene = (analysed.var_names[0],)
    plots = ((pl.volcano_da, ()), (pl.heatmap, ("branch",)), (pl.expression, one_gene), (pl.diagnostics, ()))
    for plot, arguments in plots:
        with pytest.raises(TypeError, match=rf"has no argument '{name}': call `.*{hint}"):
            plot(analysed, *arguments, **{name: "x"})


@pytest.mark.parametrize(("name", "hint"), [("color_map", "`cmap=`"), ("palette", "celltype_colors"), ("size", "`s=`")])
def test_arguments_of_scanpy_are_told_what_to_do_instead(analysed, name, hint):
    with pytest.raises(TypeError, match=rf"has no argument '{name}': .*{hint}"):
        pl.volcano_da(analysed, **{name: "x"})


def test_the_size_that_the_user_set_is_that_of_the_figure(analysed):
    own = pl.volcano_da(analysed).figure.get_size_inches()
    with mpl.rc_context({"figure.figsize": (5.0, 4.5)}):
        np.testing.assert_allclose(pl.volcano_da(analysed).figure.get_size_inches(), (5.0, 4.5))
        panels = pl.embedding(analysed, color=["lfc", "lfc_zscore"])
        np.testing.assert_allclose(panels.figure.get_size_inches(), (10.0, 4.5))
    assert own.tolist() != [5.0, 4.5]


def test_arrows_where_values_are_beyond_the_scale(analysed):
    def ends(**limits):
        pl.embedding(analysed, **limits)
        return plt.gcf().axes[0].child_axes[0]._colorbar.extend

    assert ends(vmin=-1e3, vmax=1e3) == "neither"
    assert ends(vmin=-0.01, vmax=0.01) == "both"
    largest = analysed.obs["kompot_da_Young_to_Old_lfc"].abs().max()
    assert ends(vmin=-2 * largest, vmax=2 * largest) == "neither"


@pytest.mark.parametrize("plot", ["volcano_de", "embedding", "heatmap", "diagnostics", "multi_volcano_da", "dotplot"])
def test_texts_and_lines_stand_out_in_a_dark_style(analysed, plot):
    """Black on black is what a colour fixed for white paper gives."""
    with mpl.rc_context(), plt.style.context("dark_background"):
        getattr(pl, plot)(analysed, *(("branch",) if plot in ("heatmap", "multi_volcano_da", "dotplot") else ()))
        figure = plt.gcf()
        artists = [*figure.findobj(Text), *(line for ax in figure.axes for line in ax.lines)]
        drawn = [one for one in artists if one.get_visible() and not (isinstance(one, Text) and not one.get_text())]
        dark = [one for one in drawn if max(to_rgb(one.get_color())) < 0.15]
        assert drawn
        assert dark == []


def test_keywords_reach_the_artist(analysed):
    drawn = foreground(pl.embedding(analysed, s=7, alpha=0.5, vmin=-3, vmax=3, cmap="PuOr"))
    assert drawn.get_sizes() == [7]
    assert drawn.get_alpha() == 0.5
    assert drawn.get_clim() == (-3, 3)
    assert drawn.get_cmap().name == "PuOr"
    norm = SymLogNorm(0.1, vmin=-2, vmax=2)
    assert foreground(pl.embedding(analysed, norm=norm)).norm is norm
    assert pl.heatmap(analysed, "branch", norm=norm).collections[0].norm is norm
    assert pl.dotplot(analysed, "branch", norm=norm).collections[0].norm is norm
    bars = pl.direction_barplot(analysed, "branch", alpha=0.3).containers[0]
    assert bars[0].get_alpha() == 0.3
    assert pl.volcano_de(analysed, labels=0, marker="s", s=3).collections[0].get_sizes() == [3]


def test_limits_are_percentiles_unless_given():
    values = np.linspace(0, 10, 1001)
    assert color_scale(values, {}, signed=False) == pytest.approx({"cmap": "viridis", "vmin": 0.1, "vmax": 9.9})
    scale = color_scale(values, {"vmin": "p10", "vmax": "p90", "cmap": "Reds"}, signed=False)
    assert scale == pytest.approx({"cmap": "Reds", "vmin": 1, "vmax": 9})
    assert color_scale(-values, {}, signed=True) == pytest.approx({"cmap": "RdBu_r", "vmin": -9.9, "vmax": 9.9})
    with pytest.raises(ValueError, match="either `norm` or"):
        color_scale(values, {"norm": SymLogNorm(1), "vmin": 0}, signed=False)
