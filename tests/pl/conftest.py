"""A small data set with both analyses."""

from collections.abc import Callable, Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.collections import PathCollection

import kompot_scverse.tl as tl
from kompot_scverse.datasets import simulate
from kompot_scverse.settings import GPSettings, TestSettings


@pytest.fixture(scope="session")
def analysed_once() -> AnnData:
    adata = simulate(600, 60, rng=0, density_change=2.5)
    options = {"reference": "Young", "groups": "Old"}
    fdr, gp = TestSettings(null_genes=300), GPSettings.kompot()
    tl.de(adata, "Age", layer="logged_counts", cell_groups="branch", test=fdr, gp=gp, **options)
    tl.da(adata, "Age", **options)
    return adata


@pytest.fixture
def analysed(analysed_once: AnnData) -> AnnData:
    """Young against Old, de by the model of Kompot as run 0 and da as run 1."""
    return analysed_once.copy()


@pytest.fixture(scope="session")
def replicated_once() -> AnnData:
    adata = simulate(900, 40, rng=1, density_change=2.5)
    options = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
    fdr = TestSettings(null_genes=200, threshold=0.3)
    tl.de(adata, "Age", layer="logged_counts", cell_groups="branch", test=fdr, **options)
    tl.da(adata, "Age", **options)
    return adata


@pytest.fixture
def replicated(replicated_once: AnnData) -> AnnData:
    """Young against Old with their replicates, de as run 0 and da as run 1."""
    return replicated_once.copy()


@pytest.fixture(autouse=True)
def clean_figures() -> Iterator[None]:
    """No rcParams are changed; figures are closed."""
    mpl.use("Agg")
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert {key: value for key, value in mpl.rcParams.items() if before[key] != value} == {}


def clipped(figure: object) -> list[str]:
    """What reaches beyond the figure: everything in the layout, and the labels of points."""
    figure.canvas.draw()
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()
    found = [] if min(box.x0, box.y0, width - box.x1, height - box.y1) > -0.01 else [f"{box} beyond {width} x {height}"]
    outer = figure.bbox
    for text in [text for ax in figure.axes for text in ax.texts]:
        own = text.get_window_extent()
        if own.x0 < outer.x0 or own.y0 < outer.y0 or own.x1 > outer.x1 or own.y1 > outer.y1:
            found.append(text.get_text())
    return found


@pytest.fixture(scope="session")
def drawn_tables() -> Callable[[object], list[pd.DataFrame]]:
    """What the colours of a heatmap or dot plot show, read from the axes: one table, or one for each half of the cells."""

    def read(ax: object) -> list[pd.DataFrame]:
        genes, categories = ([text.get_text() for text in axis.get_ticklabels()] for axis in (ax.yaxis, ax.xaxis))
        values = np.ma.filled(ax.collections[0].get_array().astype(float), np.nan)
        if isinstance(ax.collections[0], PathCollection):
            table = np.full((len(genes), len(categories)), np.nan)
            columns, rows = np.asarray(ax.collections[0].get_offsets()).astype(int).T
            table[rows, columns] = values
            values = table
        values = values.reshape(-1, len(genes), len(categories))
        return [pd.DataFrame(half, index=genes, columns=categories) for half in values]

    return read


@pytest.fixture
def assert_not_clipped():
    def check(figure: object) -> None:
        assert clipped(figure) == []

    return check
