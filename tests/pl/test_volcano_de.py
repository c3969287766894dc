import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

import kompot_scverse as kp
import kompot_scverse.pl as pl
import kompot_scverse.tl as tl
from kompot_scverse.settings import GPSettings, TestSettings

PREFIX = "kompot_de_Young_to_Old"


def points(ax) -> dict[str, np.ndarray]:
    return {
        to_hex(c.get_facecolors()[0]).upper(): np.asarray(c.get_offsets())
        for c in ax.collections
        if len(c.get_offsets())
    }


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_points_and_colors(analysed, unchanged, assert_not_clipped):
    with unchanged(analysed):
        ax = pl.volcano_de(analysed, labels=4)
    var = analysed.var
    lfc, distance, is_de = (var[f"{PREFIX}_{what}"].to_numpy() for what in ("mean_lfc", "mahalanobis", "is_de"))
    expected = {"#B2182B": is_de & (lfc > 0), "#2166AC": is_de & (lfc < 0), "#B4B4B4": ~is_de}
    drawn = points(ax)
    assert is_de.any()
    for color, chosen in expected.items():
        if chosen.any():
            np.testing.assert_allclose(drawn[color], np.column_stack([lfc, distance])[chosen])
    top = var.index[is_de][np.argsort(-distance[is_de])[:4]]
    assert set(texts(ax)) == set(top)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0] == f"up in Old ({expected['#B2182B'].sum()})"
    assert labels[1] == f"down in Old ({expected['#2166AC'].sum()})"
    assert ax.get_legend().get_title().get_text() == "local FDR ≤ 0.05"
    assert_not_clipped(ax.figure)


def test_labels_do_not_overlap(analysed):
    ax = pl.volcano_de(analysed, labels=8)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if text.get_text()]
    for number, box in enumerate(boxes):
        for other in boxes[:number]:
            assert not (box.x0 < other.x1 and other.x0 < box.x1 and box.y0 < other.y1 and other.y0 < box.y1)


def test_given_labels_are_always_written(analysed):
    worst = analysed.var[f"{PREFIX}_mahalanobis"].idxmin()
    analysed.var["symbol"] = [f"S{i}" for i in range(analysed.n_vars)]
    symbol = analysed.var.loc[worst, "symbol"]
    assert texts(pl.volcano_de(analysed, labels=[worst])) == [worst]
    assert texts(pl.volcano_de(analysed, labels=[symbol], gene_symbols="symbol")) == [symbol]
    with pytest.raises(KeyError, match=r"No gene 'nope'"):
        pl.volcano_de(analysed, labels=["nope"])


def test_without_fdr_top_genes(adata):
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", gp=GPSettings.kompot())
    ax = pl.volcano_de(adata, n_top=7, labels=0)
    drawn = points(ax)
    assert sum(len(drawn.get(color, [])) for color in ("#B2182B", "#2166AC")) == 7
    assert ax.get_legend().get_title().get_text() == "top 7 genes (run without FDR)"
    with pytest.raises(LookupError, match=r"TestSettings\(null_genes=2000\)"):
        pl.volcano_de(adata, y="local_fdr")
    with pytest.raises(LookupError, match="cell_groups="):
        pl.volcano_de(adata, cell_group="HSC")


def test_one_category(analysed):
    ax = pl.volcano_de(analysed, cell_group="HSC", labels=0)
    heights = np.concatenate([xy[:, 1] for xy in points(ax).values()])
    z = analysed.varm[f"{PREFIX}_branch_lfc_zscore"]["HSC"].abs()
    np.testing.assert_allclose(np.sort(heights), np.sort(z))
    with pytest.raises(KeyError, match="No category of 'branch' 'hsc'; existing: 'HSC'"):
        pl.volcano_de(analysed, cell_group="hsc")


def test_local_fdr_threshold(analysed):
    ax = pl.volcano_de(analysed, y="local_fdr", labels=0)
    assert any(np.allclose(drawn.get_ydata(), -np.log10(0.05)) for drawn in ax.lines)


def test_test_of_the_cells(adata):
    tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    q = adata.var[f"{PREFIX}_qvalue_cells"].to_numpy()
    ax = pl.volcano_de(adata, y="qvalue", labels=0)
    assert ax.get_ylabel() == "−log10 q-value of the cells"
    assert ax.get_legend().get_title().get_text() == "q of the cells ≤ 0.05"
    drawn = points(ax)
    assert sum(len(drawn.get(color, [])) for color in ("#B2182B", "#2166AC")) == (q <= 0.05).sum() > 0


def test_which_run(adata):
    options = {"reference": "Young", "layer": "logged_counts", "test": TestSettings(null_genes=50)}
    with pytest.raises(LookupError, match=r"call `kp\.tl\.de` first"):
        pl.volcano_de(adata)
    tl.de(adata, "Age", groups=["Mid", "Old"], **options)
    assert pl.volcano_de(adata, group="Mid", labels=0).get_title() == "Young → Mid"
    assert pl.volcano_de(adata, run_id=-1, labels=0).get_title() == "Young → Old"
    with pytest.raises(
        LookupError, match=r"several contrasts, runs 0 \(Young → Mid, .*\), 1 .*; choose one with `group=`"
    ):
        pl.volcano_de(adata, labels=0)
    assert pl.volcano_de(adata, run_id=0, labels=0).get_title() == "Young → Mid"
    with pytest.raises(LookupError, match=r"No de run with group='Ancient'; existing: 0 \(Young → Mid"):
        pl.volcano_de(adata, group="Ancient")
    tl.de(adata, "Age", groups="Old", overwrite=True, **options)
    with pytest.warns(UserWarning, match="were overwritten and now hold the values of run 2"):
        pl.volcano_de(adata, run_id=1, labels=0)
    for draw in (lambda: pl.heatmap(adata, "branch", run_id=1), lambda: pl.expression(adata, "Gene0001", run_id=1)):
        with pytest.warns(UserWarning, match="were overwritten and now hold the values of run 2") as caught:
            draw()
        assert [warning.filename for warning in caught] == [__file__]


def test_given_axes(analysed):
    _, ax = plt.subplots()
    assert pl.volcano_de(analysed, ax=ax) is ax


def test_replicate_test_decides(replicated, assert_not_clipped):
    var = replicated.var
    q, lfc = var[f"{PREFIX}_qvalue"].to_numpy(), var[f"{PREFIX}_mean_lfc"].to_numpy()
    ax = pl.volcano_de(replicated, labels=3)
    assert ax.get_legend().get_title().get_text() == "q ≤ 0.3"
    assert (q <= 0.3).any()
    for color, sign in (("#B2182B", 1), ("#2166AC", -1)):
        called = (q <= 0.3) & (np.sign(lfc) == sign)
        if called.any():
            np.testing.assert_allclose(points(ax)[color], np.column_stack([lfc, -np.log10(q)])[called])
    assert "q = 0.3" in [text.get_text() for text in ax.get_legend().get_texts()]
    (threshold,) = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert threshold.get_ydata()[0] == pytest.approx(-np.log10(0.3))
    assert ax.get_ylim()[1] > -np.log10(0.3)
    assert_not_clipped(ax.figure)
    ax = pl.volcano_de(replicated, y="mahalanobis", labels=3)
    assert ax.get_ylabel() == "Mahalanobis distance"
    assert not [line for line in ax.lines if line.get_linestyle() == "--"]
    with pytest.raises(ValueError, match="`y` must be one of"):
        pl.volcano_de(replicated, y="pvalue")


def test_replicate_test_of_a_category(replicated, analysed):
    table = replicated.varm[f"{PREFIX}_branch_qvalue"]["HSC"].to_numpy()
    lfc = replicated.varm[f"{PREFIX}_branch_mean_lfc"]["HSC"].to_numpy()
    ax = pl.volcano_de(replicated, cell_group="HSC", y="qvalue", labels=0)
    assert ax.get_legend().get_title().get_text() == "q in HSC ≤ 0.3"
    drawn = points(ax)
    for color, sign in (("#B2182B", 1), ("#2166AC", -1)):
        assert len(drawn.get(color, [])) == ((table <= 0.3) & (np.sign(lfc) == sign)).sum()
    with pytest.raises(LookupError, match="sample_key"):
        pl.volcano_de(analysed, y="qvalue")
    with pytest.raises(LookupError, match="sample_key"):
        pl.volcano_de(analysed, cell_group="HSC", y="qvalue")


def test_many_labels(analysed):
    names = list(analysed.var_names[:40])
    assert set(texts(pl.volcano_de(analysed, labels=names))) == set(names)


def test_nothing_significant(analysed, assert_not_clipped):
    analysed.var[f"{PREFIX}_is_de"] = False
    ax = pl.volcano_de(analysed)
    assert texts(ax) == []
    assert set(points(ax)) == {"#B4B4B4"}
    assert [text.get_text() for text in ax.get_legend().get_texts()][:2] == ["up in Old (0)", "down in Old (0)"]
    assert_not_clipped(ax.figure)


def test_genes_coloured_by_their_region(replicated, assert_not_clipped):
    ax = pl.volcano_de(replicated, color="region", labels=3)
    table = kp.get.regions(replicated)
    table = table[table["n_genes"] > 0]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    first = table.index[0]
    assert texts[0] == f"{first}: {table.loc[first, 'annotation']} ({table.loc[first, 'n_genes']})"
    # a colour each of seven, one for the rest, and grey for those that are not called
    n_parts = min(len(table), 7) + (len(table) > 7)
    assert texts[n_parts].startswith("other genes")
    called = replicated.var["kompot_de_Young_to_Old_is_de_sample_var"]
    own = called & (replicated.var["kompot_de_Young_to_Old_region"] == first)
    drawn = np.sort(np.asarray(ax.collections[1].get_offsets())[:, 0])
    np.testing.assert_allclose(drawn, np.sort(replicated.var.loc[own, "kompot_de_Young_to_Old_mean_lfc"]))
    assert_not_clipped(ax.figure)


def test_regions_need_samples(analysed):
    with pytest.raises(LookupError, match="sample_key"):
        pl.volcano_de(analysed, color="region")
