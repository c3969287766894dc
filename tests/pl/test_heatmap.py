import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import kompot_scverse.pl as pl

PREFIX = "kompot_de_Young_to_Old"


def ticks(axis) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


def mean(adata, gene, branch, age) -> float:
    cells = (adata.obs["branch"] == branch) & (adata.obs["Age"] == age)
    return float(adata[cells.to_numpy(), gene].layers["logged_counts"].toarray().mean())


def test_split_means(analysed, unchanged, assert_not_clipped, drawn_tables):
    with unchanged(analysed):
        ax = pl.heatmap(analysed, "branch", n_genes=6, standard_scale=None)
    tables = drawn_tables(ax)
    for table, age in zip(tables, ("Young", "Old"), strict=True):
        for gene in table.index[:2]:
            for branch in ("HSC", "Monocyte"):
                np.testing.assert_allclose(table.loc[gene, branch], mean(analysed, gene, branch, age), rtol=1e-5)
    top = analysed.var[f"{PREFIX}_mahalanobis"].nlargest(6).index
    assert set(ticks(ax.yaxis)) == set(top)
    assert_not_clipped(ax.figure)


def test_upper_left_is_reference(analysed):
    ax = pl.heatmap(analysed, "branch", n_genes=3, cluster=False, standard_scale=None)
    polygons = ax.collections[0]
    paths, values = polygons.get_paths(), np.asarray(polygons.get_array())
    n = 3 * analysed.obs["branch"].nunique()
    assert len(paths) == 2 * n
    # first cell: the mean of its triangle's corners is above and left of the centre (0, 0); the y axis points down
    first, second = (paths[number].vertices[:3].mean(axis=0) for number in (0, n))
    assert (first < 0).all()
    assert (second > 0).all()
    gene, branch = ticks(ax.yaxis)[0], ticks(ax.xaxis)[0]
    np.testing.assert_allclose(values[0], mean(analysed, gene, branch, "Young"), rtol=1e-5)
    np.testing.assert_allclose(values[n], mean(analysed, gene, branch, "Old"), rtol=1e-5)


def test_given_genes_and_order(analysed):
    genes = list(analysed.var_names[[5, 2, 9]])
    ax = pl.heatmap(analysed, "branch", genes=genes, cluster=False, exclude=["HSC"])
    assert ticks(ax.yaxis) == genes
    assert ticks(ax.xaxis) == [c for c in analysed.obs["branch"].cat.categories if c != "HSC"]


def test_zscore_and_minmax(analysed, drawn_tables):
    z = np.hstack(drawn_tables(pl.heatmap(analysed, "branch", n_genes=5)))
    np.testing.assert_allclose(np.nanmean(z, axis=1), 0, atol=1e-9)
    unit = np.hstack(drawn_tables(pl.heatmap(analysed, "branch", n_genes=5, standard_scale="minmax")))
    np.testing.assert_allclose(np.nanmin(unit, axis=1), 0)
    np.testing.assert_allclose(np.nanmax(unit, axis=1), 1)
    with pytest.raises(ValueError, match="standard_scale"):
        pl.heatmap(analysed, "branch", standard_scale="var")


def test_limits_are_numbers_or_percentiles(analysed):
    limits = pl.heatmap(analysed, "branch", n_genes=5, vmax="p90").collections[0].get_clim()
    assert limits[0] == -limits[1]
    assert pl.heatmap(analysed, "branch", vmin=-1, vmax=2).collections[0].get_clim() == (-2, 2)
    with pytest.raises(ValueError, match='percentile such as "p1"'):
        pl.heatmap(analysed, "branch", vmax="90%")


def test_fold_change_is_the_models(analysed, drawn_tables):
    (table,) = drawn_tables(pl.heatmap(analysed, "branch", n_genes=5, kind="fold_change"))
    expected = analysed.varm[f"{PREFIX}_branch_mean_lfc"].loc[table.index, [str(c) for c in table.columns]]
    np.testing.assert_allclose(table, expected, atol=1e-4)


def test_other_levels(analysed):
    levels = ("Replicate", "Young_1", "Old_1")
    ax = pl.heatmap(analysed, "Age", n_genes=3, levels=("branch", {"HSC": "stem", "Monocyte": "mono"}))
    assert ax.get_title() == "stem → mono"
    ax = pl.heatmap(analysed, "branch", n_genes=3, levels=levels, kind="fold_change")
    assert ax.get_title() == "Young_1 → Old_1"
    with pytest.raises(ValueError, match="two of its categories"):
        pl.heatmap(analysed, "branch", levels=("Replicate", "Young_1"))
    with pytest.raises(KeyError, match="Young_1"):
        pl.heatmap(analysed, "branch", levels=("Replicate", "Young1", "Old_1"))


def test_names_of_the_conditions(analysed, drawn_tables):
    names = {"Young": "3 months", "Old": "24 months"}
    ax = pl.heatmap(analysed, "branch", n_genes=4, kind="fold_change", levels=("Age", names))
    assert ax.get_title() == "3 months → 24 months"
    # still the model's fold change, since these are the conditions of the run
    (plain,) = drawn_tables(pl.heatmap(analysed, "branch", n_genes=4, kind="fold_change"))
    np.testing.assert_array_equal(drawn_tables(ax)[0], plain)


def test_given_axes_and_bad_kind(analysed):
    _, ax = plt.subplots()
    assert pl.heatmap(analysed, "branch", ax=ax) is ax
    with pytest.raises(ValueError, match="`kind` must be one of 'split'"):
        pl.heatmap(analysed, "branch", kind="dot")
    with pytest.raises(KeyError, match="existing: 'branch'"):
        pl.heatmap(analysed, "brnch")


def test_one_gene_and_one_category(analysed, assert_not_clipped, drawn_tables):
    for kind in ("split", "fold_change", "dots"):
        others = [name for name in analysed.obs["branch"].cat.categories if name != "HSC"]
        ax = pl.heatmap(analysed, "branch", genes=[analysed.var_names[0]], exclude=others, kind=kind)
        assert drawn_tables(ax)[0].shape == (1, 1)
        assert_not_clipped(ax.figure)


def test_one_category_is_not_scaled(analysed, drawn_tables):
    """Two values a gene, which z-scores would make -1 and 1."""
    others = [name for name in analysed.obs["branch"].cat.categories if name != "HSC"]
    ax = pl.heatmap(analysed, "branch", n_genes=5, exclude=others)
    plain = drawn_tables(pl.heatmap(analysed, "branch", n_genes=5, exclude=others, standard_scale=None))
    for drawn, expected in zip(drawn_tables(ax), plain, strict=True):
        pd.testing.assert_frame_equal(drawn, expected)
    assert "z per gene" not in {inset.get_ylabel() for inset in ax.child_axes}


def test_one_category_to_leave_out_is_a_string(analysed):
    ax = pl.heatmap(analysed, "branch", n_genes=3, exclude="HSC")
    assert "HSC" not in [text.get_text() for text in ax.get_xticklabels()]
