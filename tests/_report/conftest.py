"""A report of everything, made once, and reports without pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from anndata import AnnData
from pages import DESIGN, EVIL, Page, read_page

import kompot_scverse as kp
from kompot_scverse._report import figures
from kompot_scverse._runs.markup import tag


@pytest.fixture(scope="session")
def analysed() -> AnnData:
    """Both analyses with all that can be added; a gene, a category, a set and a column have names that are HTML."""
    adata = kp.datasets.simulate(
        400, 40, samples={"Young": 3, "Old": 3}, frac_de=0.5, effect_size=3.0, density_change=3.0, rng=0
    )
    first = adata.var["true_lfc_mean"].abs().idxmax()
    adata.var_names = [EVIL if name == first else f"{name}&<i>" for name in adata.var_names]
    adata.obs["celltype"] = adata.obs["celltype"].cat.rename_categories({"HSC": "<b>HSC</b>"})
    adata.obs["bad <u>column"] = adata.obs["Replicate"].astype(str) + "<hr>"
    kp.tl.da(adata, "Age", **DESIGN)
    kp.tl.regions(adata, annotate="celltype", min_cells=5)
    kp.tl.de(adata, "Age", layer="logged_counts", cell_groups="celltype", **DESIGN)
    kp.tl.programs(adata, 2)
    kp.tl.gene_sets(adata, {f"set {n} <em>": list(adata.var_names[3 * n : 3 * n + 5]) for n in range(12)})
    kp.tl.influence(adata)
    kp.tl.influence(adata, analysis="da")
    return adata


@pytest.fixture(scope="session")
def full(analysed: AnnData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of everything."""
    return kp.report(analysed, tmp_path_factory.mktemp("report") / "full.html", title="A <title>")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Page]:
    """Makes a report whose plots are drawn, but not rendered."""
    import matplotlib.pyplot as plt

    def draw(text: str, function: Callable, *arguments: Any, **options: Any) -> str:
        drawn = function(*arguments, **options).figure
        assert drawn.axes
        plt.close(drawn)
        return tag("figure", text, data_plot=function.__name__)

    monkeypatch.setattr(figures, "_figure", draw)

    def make(data: Any, **options: Any) -> Page:
        return read_page(kp.report(data, tmp_path / "page.html", **options).read_text())

    return make
