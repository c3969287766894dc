"""
The main figures against stored images, on results made up by formulas, so that only the drawing is tested.

Texts are hidden, since fonts differ between systems, and nothing is laid out by their size. After a wanted change run the
tests with `KOMPOT_WRITE_BASELINES=1`, look at `tests/pl/baseline`, and commit it.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text

import kompot_scverse.pl as pl
from kompot_scverse._runs.history import store_runs
from kompot_scverse._runs.run import Run

BASELINE = Path(__file__).parent / "baseline"
TOLERANCE = 12
"""Root mean square difference of pixels, of 255; a change of the colour map makes more."""
DPI = 50


def invented() -> AnnData:
    """400 cells on a spiral, 30 genes, 3 types and a run of each analysis with smooth made-up results."""
    n, m = 400, 30
    angle = np.linspace(0, 3 * np.pi, n)
    condition, kind = np.where(np.arange(n) % 2, "b", "a"), np.array(["T", "B", "NK"])[np.arange(n) * 3 // n]
    obs = pd.DataFrame(
        {
            "condition": pd.Categorical(condition),
            "type": pd.Categorical(kind),
            "sample": pd.Categorical([f"s{i % 6}" for i in range(n)]),
        },
        index=[f"c{i}" for i in range(n)],
    )
    gene = np.arange(m)
    obs["da_lfc"] = 1.6 * np.sin(angle)
    obs["da_tail"] = 4 * np.sin(angle) ** 2
    called = (np.abs(obs["da_lfc"]) >= 1) & (obs["da_tail"] >= -np.log10(0.05))
    obs["da_direction"] = pd.Categorical.from_codes(
        np.where(called, np.sign(obs["da_lfc"]), 0).astype(int) + 1, categories=["down", "neutral", "up"], ordered=True
    )
    phi = np.column_stack([np.ones(n), np.cos(angle), np.sin(angle / 2)])
    first = np.column_stack([1 + gene % 4, 0.5 * np.cos(gene), np.sin(gene)])
    second = first + np.column_stack([np.sin(gene), 0.3 * np.cos(2 * gene), 0.5 * np.sin(gene)])
    smooth = np.where((condition == "a")[:, None], phi @ first.T, phi @ second.T)
    y = np.maximum(smooth + np.sin(37.0 * np.arange(n)[:, None] * (gene + 1)), 0)
    var = pd.DataFrame(index=[f"g{i}" for i in gene])
    lfc = second[:, 0] - first[:, 0]
    var["de_lfc"], var["de_distance"] = lfc, 3 * np.abs(lfc) + np.cos(gene) ** 2
    var["de_is_de"], var["de_fdr"] = var["de_distance"] > 2, np.exp(-var["de_distance"])
    adata = AnnData(sp.csr_array(y), obs=obs, var=var)
    adata.obsm["X_umap"] = np.column_stack([angle * np.cos(angle), angle * np.sin(angle)])
    adata.obsm["de_basis"] = phi
    adata.varm["de_a"], adata.varm["de_b"] = first, second
    contrast = {"groupby": "condition", "reference": "a", "group": "b"}
    places = {
        "de": [("var", "de_lfc", "mean_lfc"), ("var", "de_distance", "mahalanobis"), ("var", "de_is_de", "is_de"),
               ("var", "de_fdr", "mahalanobis_local_fdr"), ("obsm", "de_basis", "basis"),
               ("varm", "de_a", "reference_weights"), ("varm", "de_b", "group_weights")],
        "da": [("obs", "da_lfc", "lfc"), ("obs", "da_tail", "neg_log10_lfc_ptp"), ("obs", "da_direction", "lfc_direction")],
    }  # fmt: skip
    params = {
        "de": {"layer": None, "fdr_threshold": 0.05, "sigma": 1.0, "cell_groups": "type", "sample_key": "sample"},
        "da": {"lfc_threshold": 1.0, "ptp_threshold": 0.05},
    }
    runs = [
        Run(
            number, analysis, analysis, contrast, params[analysis], {}, {"threshold_distance": 2.0},
            [{"slot": slot, "key": key, "statistic": statistic, "description": ""} for slot, key, statistic in fields],
        )
        for number, (analysis, fields) in enumerate(places.items())
    ]  # fmt: skip
    store_runs(adata, runs)
    return adata


FIGURES: dict[str, Callable[[AnnData], Figure]] = {
    "volcano_de": lambda adata: pl.volcano_de(adata, labels=0).figure,
    "volcano_da": lambda adata: pl.volcano_da(adata, color="type").figure,
    "multi_volcano_da": lambda adata: pl.multi_volcano_da(adata, "type").figure,
    "heatmap": lambda adata: pl.heatmap(adata, "type", n_genes=8).figure,
    "heatmap_fold_change": lambda adata: pl.heatmap(adata, "type", n_genes=8, kind="fold_change").figure,
    "dotplot": lambda adata: pl.dotplot(adata, "type", n_genes=8).figure,
    "direction_barplot": lambda adata: pl.direction_barplot(adata, "type").figure,
    "embedding": lambda adata: pl.embedding(adata, color=["lfc", "g3"], highlight={"type": ["T", "B"]}).figure,
    "expression": lambda adata: pl.expression(adata, "g5").figure,
    "replicates": lambda adata: pl.replicates(adata, "g5").figure,
}


def render(figure: Figure, path: Path) -> None:
    """Without texts, and without a layout that would follow their sizes."""
    figure.set_layout_engine("none")
    for text in figure.findobj(Text):
        text.set_visible(False)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


@pytest.fixture(scope="module")
def made_up() -> AnnData:
    return invented()


@pytest.fixture(autouse=True)
def matplotlib_as_installed() -> Iterator[None]:
    """Scanpy's `set_figure_params`, which muon calls, would change the legends for all that follows."""
    with mpl.rc_context():
        mpl.rcdefaults()
        yield


@pytest.mark.parametrize("name", FIGURES)
def test_the_picture_is_as_it_was(made_up, name, tmp_path):
    expected, actual = BASELINE / f"{name}.png", tmp_path / f"{name}.png"
    figure = FIGURES[name](made_up)
    if os.environ.get("KOMPOT_WRITE_BASELINES"):
        render(figure, expected)
    render(figure, actual)
    assert compare_images(str(expected), str(actual), tol=TOLERANCE) is None


def test_other_colors_differ(made_up, tmp_path):
    """The tolerance is small enough to notice."""
    actual = tmp_path / "other.png"
    render(pl.heatmap(made_up, "type", n_genes=8, cmap="PuOr").figure, actual)
    expected = tmp_path / "expected.png"
    expected.write_bytes((BASELINE / "heatmap.png").read_bytes())
    assert "RMS" in compare_images(str(expected), str(actual), tol=TOLERANCE)


def test_baselines_are_small():
    files = list(BASELINE.glob("*.png"))
    assert {file.stem for file in files} == set(FIGURES)
    assert sum(file.stat().st_size for file in files) < 400_000
