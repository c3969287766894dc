import numpy as np
import pytest
from matplotlib.colors import SymLogNorm

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
    ],
)
def test_unknown_keyword(analysed, function, arguments):
    if arguments == ("gene",):
        arguments = (analysed.var_names[0],)
    with pytest.raises(TypeError, match=rf"kp\.pl\.{function}` has no argument 'keyy'.*existing: 'key_added'"):
        getattr(pl, function)(analysed, *arguments, keyy=1)


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


def test_scale():
    values = np.linspace(0, 10, 1001)
    assert color_scale(values, {}, signed=False) == pytest.approx({"cmap": "viridis", "vmin": 0.1, "vmax": 9.9})
    scale = color_scale(values, {"vmin": "p10", "vmax": "p90", "cmap": "Reds"}, signed=False)
    assert scale == pytest.approx({"cmap": "Reds", "vmin": 1, "vmax": 9})
    assert color_scale(-values, {}, signed=True) == pytest.approx({"cmap": "RdBu_r", "vmin": -9.9, "vmax": 9.9})
    with pytest.raises(ValueError, match="either `norm` or"):
        color_scale(values, {"norm": SymLogNorm(1), "vmin": 0}, signed=False)
