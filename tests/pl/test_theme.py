"""Shades in light and dark styles."""

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb

from kompot_scverse.pl._theme import paper, shade


@pytest.mark.parametrize(
    ("style", "ends"), [("default", ("#ffffff", "#000000")), ("dark_background", ("#000000", "#ffffff"))]
)
def test_shades_go_from_the_background_to_the_text(style: str, ends: tuple[str, str]):
    with mpl.style.context(style):
        assert (paper(), shade(1.0)) == ends
        assert to_rgb(shade(0.5)) == pytest.approx((0.5, 0.5, 0.5), abs=0.01)


def test_behind_transparent_axes_is_the_figure():
    with mpl.rc_context({"axes.facecolor": "none", "figure.facecolor": "#336699"}):
        assert paper() == "#336699"
