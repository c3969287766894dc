import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import kompot_scverse.pl as pl
import kompot_scverse.pl._scatter as scatter_module


def foreground(ax):
    return next(c for c in ax.collections if c.get_label() != "_background")


def test_a_statistic_colours_the_cells(analysed, unchanged, assert_not_clipped):
    with unchanged(analysed):
        ax = pl.embedding(analysed, "umap", color="lfc_zscore")
    drawn = foreground(ax)
    values = analysed.obs["kompot_da_Young_to_Old_lfc_zscore"]
    np.testing.assert_allclose(np.sort(drawn.get_array()), np.sort(values))
    low, high = drawn.get_clim()
    assert low == -high
    assert drawn.get_cmap().name == "RdBu_r"
    assert ax.get_title() == "Young → Old"
    xy = np.asarray(drawn.get_offsets())
    order = np.argsort(np.abs(values.to_numpy()), kind="stable")
    np.testing.assert_allclose(xy, analysed.obsm["X_umap"][order])
    assert_not_clipped(ax.figure)


@pytest.mark.parametrize("value", ["fold_change", "reference", "group"])
def test_gene_is_rebuilt(analysed, value):
    gene = analysed.var_names[3]
    key = {"fold_change": "Young_to_Old_fold_change", "reference": "Young_imputed", "group": "Old_imputed"}[value]
    expected = np.asarray(analysed.layers[f"kompot_de_{key}"][:, 3])
    for name in [name for name in analysed.layers if name is not None and name.startswith("kompot")]:
        del analysed.layers[name]
    drawn = foreground(pl.embedding(analysed, color=gene, value=value))
    np.testing.assert_allclose(np.sort(drawn.get_array()), np.sort(expected), atol=1e-4)


def test_zscore_of_a_gene(replicated, analysed):
    ax = pl.embedding(replicated, color=replicated.var_names[3], value="zscore")
    drawn = foreground(ax)
    expected = np.asarray(replicated.layers["kompot_de_Young_to_Old_lfc_zscore"][:, 3])
    np.testing.assert_allclose(np.sort(drawn.get_array()), np.sort(expected[np.isfinite(expected)]), rtol=1e-5)
    assert drawn.get_clim()[0] == -drawn.get_clim()[1]
    with pytest.raises(LookupError, match="sample_key"):
        pl.embedding(analysed, color=analysed.var_names[3], value="zscore")


def test_long_names_fit(analysed, assert_not_clipped):
    names = [f"a name of a cluster that is long {i:02d}" for i in range(22)]
    analysed.obs["many"] = np.resize(names, analysed.n_obs)
    for ax in (pl.embedding(analysed, color="many"), pl.volcano_da(analysed, color="many")):
        ax.figure.canvas.draw()
        width = ax.get_window_extent().width / ax.figure.dpi
        assert width > 2.5
        assert len(ax.get_legend().get_texts()) == 22
        assert_not_clipped(ax.figure)
    ax = pl.heatmap(analysed, "branch", n_genes=4, levels=("Replicate", {"Young_1": "x" * 30, "Old_1": "y" * 30}))
    assert_not_clipped(ax.figure)


def test_other_cells_than_the_highlighted_are_background(analysed):
    ax = pl.embedding(analysed, color="lfc", highlight={"branch": ["HSC", "B cell"]})
    n = analysed.obs["branch"].isin(["HSC", "B cell"]).sum()
    assert len(foreground(ax).get_offsets()) == n
    background = next(c for c in ax.collections if c.get_label() == "_background")
    assert len(background.get_offsets()) == analysed.n_obs - n


def test_several_panels(analysed):
    panels = pl.embedding(analysed, color=["lfc", "branch", "group_std", "group_log_ratio"], ncols=2)
    assert list(panels.axes) == ["lfc", "branch", "group_std", "group_log_ratio"]
    assert panels.figure is panels.axes["branch"].figure
    assert [ax.get_title() for ax in panels.axes.values()] == ["Young → Old", "branch", "Old", "Old"]
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="one panel"):
        pl.embedding(analysed, color=["lfc", "branch"], ax=ax)
    assert pl.embedding(analysed, color="lfc", ax=ax) is ax


def test_errors_name_what_exists(analysed, adata):
    with pytest.raises(KeyError, match="X_umap"):
        pl.embedding(analysed, "umop")
    with pytest.raises(KeyError, match="existing: 'lfc_zscore'"):
        pl.embedding(analysed, color="lfc_zscor")
    with pytest.raises(LookupError, match=r"call `kp\.tl\.da` first"):
        pl.embedding(adata, color="lfc")


def test_many_cells_are_rasterized(analysed, monkeypatch):
    assert not foreground(pl.embedding(analysed)).get_rasterized()
    monkeypatch.setattr(scatter_module, "RASTERIZE", 100)
    assert foreground(pl.embedding(analysed)).get_rasterized()


def test_many_categories_are_named_on_the_data_in_colors_that_differ(analysed):
    """Branch by sample; eight categories or fewer need no names on them."""
    many = analysed.obs["branch"].astype(str) + " " + analysed.obs["Replicate"].astype(str)
    analysed.obs["many"] = pd.Categorical(many)
    ax = pl.embedding(analysed, color="many")
    names = set(analysed.obs["many"].cat.categories)
    assert len(names) > 8
    assert {text.get_text() for text in ax.texts} == names
    colors = {handle.get_color() for handle in ax.get_legend().legend_handles}
    assert len(colors) == len(names)
    # a line from each to a cell of its own
    for text, line in zip(ax.texts, ax.lines, strict=True):
        own = analysed.obsm["X_umap"][(analysed.obs["many"] == text.get_text()).to_numpy()]
        assert np.abs(own - line.get_xydata()[1]).sum(axis=1).min() < 1e-6
    assert [text.get_text() for text in pl.embedding(analysed, color="branch").texts] == []
