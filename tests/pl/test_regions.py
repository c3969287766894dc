"""Regions on the cell states."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

import kompot_scverse as kp


def test_regions_of_genes_have_a_panel_each(replicated, assert_not_clipped):
    panels = kp.pl.regions(replicated, n_regions=2)
    table = kp.get.regions(replicated)
    for number, ax in panels.axes.items():
        weights = kp.get.region_cells(replicated, int(number)).to_numpy()
        np.testing.assert_allclose(np.sort(ax.collections[-1].get_array()), np.sort(weights))
        assert ax.get_title().startswith(f"{number}: {table.loc[int(number), 'n_genes']} gene")
    assert_not_clipped(panels.figure)


@pytest.fixture
def abundance() -> AnnData:
    """Forty cells in four clouds, three of which are regions."""
    rng = np.random.default_rng(0)
    adata = AnnData(np.zeros((40, 1)))
    adata.obs["Age"] = ["Young", "Old"] * 20
    adata.obsm["X_umap"] = np.repeat([[0, 0], [5, 0], [0, 5], [5, 5]], 10, axis=0) + 0.1 * rng.normal(size=(40, 2))
    region = pd.Categorical(np.repeat(["up 1", "up 2", "down 1", None], 10), categories=["up 1", "up 2", "down 1"])
    add_run(adata, "da", obs={"region": region})
    return adata


def test_the_largest_region_of_a_direction_is_the_darkest(abundance):
    ax = kp.pl.regions(abundance, analysis="da")
    colors = {
        text.get_text(): tuple(handle.get_color())
        for text, handle in zip(ax.get_legend().get_texts(), ax.get_legend().legend_handles, strict=True)
    }
    assert colors["up 1"] == mpl.colormaps["Reds"](0.85)
    assert colors["down 1"] == mpl.colormaps["Blues"](0.85)
    assert sum(colors["up 2"]) > sum(colors["up 1"])


def test_names_stand_at_their_regions(abundance):
    ax = kp.pl.regions(abundance, analysis="da")
    lines = {text.get_text(): line.get_xydata()[1] for text, line in zip(ax.texts, ax.lines, strict=True)}
    for name, center in (("up 1", [0, 0]), ("up 2", [5, 0]), ("down 1", [0, 5])):
        assert np.abs(lines[name] - center).max() < 0.5


def test_one_axes_holds_no_panels_of_regions(replicated):
    with pytest.raises(ValueError, match="`ax=` holds one panel"):
        kp.pl.regions(replicated, ax=mpl.pyplot.subplots()[1])
