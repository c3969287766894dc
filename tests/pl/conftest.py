"""A small data set with both analyses."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from anndata import AnnData

import kompot_scverse.tl as tl
from kompot_scverse.datasets import simulate
from kompot_scverse.settings import FDRSettings


@pytest.fixture(scope="session")
def analysed_once() -> AnnData:
    adata = simulate(600, 60, rng=0, density_change=2.5)
    options = {"reference": "Young", "groups": "Old"}
    fdr = FDRSettings(null_genes=300)
    tl.de(adata, "Age", layer="logged_counts", cell_groups="branch", fdr=fdr, **options)
    tl.da(adata, "Age", **options)
    return adata


@pytest.fixture
def analysed(analysed_once: AnnData) -> AnnData:
    """Young against Old, de as run 0 and da as run 1."""
    return analysed_once.copy()


@pytest.fixture(autouse=True)
def clean_figures() -> Iterator[None]:
    """No rcParams are changed; figures are closed."""
    mpl.use("Agg")
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert {key: value for key, value in mpl.rcParams.items() if before[key] != value} == {}


def clipped(figure: object) -> list[str]:
    """Texts that reach beyond the figure."""
    from matplotlib.text import Text

    figure.canvas.draw()
    outer = figure.bbox
    found = []
    for text in figure.findobj(Text):
        if not text.get_visible() or not text.get_text():
            continue
        box = text.get_window_extent()
        # ticks beyond the limits have text, but are not drawn
        axes = text.axes
        if axes is not None and text in [label for axis in (axes.xaxis, axes.yaxis) for label in axis.get_ticklabels()]:
            continue
        if box.x0 < outer.x0 - 1 or box.y0 < outer.y0 - 1 or box.x1 > outer.x1 + 1 or box.y1 > outer.y1 + 1:
            found.append(text.get_text())
    return found


@pytest.fixture
def assert_not_clipped():
    def check(figure: object) -> None:
        assert clipped(figure) == []

    return check
