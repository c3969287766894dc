"""Dots against the fold changes and cells of categories."""

import numpy as np

import kompot_scverse.pl as pl

PREFIX = "kompot_de_Young_to_Old"


def test_dots_have_the_values_of_the_run(analysed, assert_not_clipped, drawn_tables):
    ax = pl.dotplot(analysed, "branch", n_genes=4)
    (table,) = drawn_tables(ax)
    dots = ax.collections[0]
    offsets = np.asarray(dots.get_offsets()).astype(int)
    values, sizes = np.asarray(dots.get_array()), dots.get_sizes()
    expected = analysed.varm[f"{PREFIX}_branch_mean_lfc"].loc[table.index, [str(c) for c in table.columns]].to_numpy()
    np.testing.assert_allclose(values, expected[offsets[:, 1], offsets[:, 0]], atol=1e-4)
    cells = analysed.obs["Age"].isin(["Young", "Old"])
    shares = []
    for column, row in offsets:
        own = (cells & (analysed.obs["branch"] == table.columns[column])).to_numpy()
        shares.append((analysed[own, table.index[row]].layers["logged_counts"].toarray() > 0).mean())
    np.testing.assert_allclose(sizes / sizes.max(), np.array(shares) / max(shares), rtol=1e-5)
    assert dots.get_clim()[0] == -dots.get_clim()[1]
    assert_not_clipped(ax.figure)


def test_rings_around_dots_that_are_called(replicated, drawn_tables):
    ax = pl.dotplot(replicated, "branch", n_genes=10)
    q = replicated.varm["kompot_de_Young_to_Old_branch_qvalue"]
    genes, categories = ([text.get_text() for text in axis.get_ticklabels()] for axis in (ax.yaxis, ax.xaxis))
    drawn = np.isfinite(drawn_tables(ax)[0].to_numpy())
    expected = (q.loc[genes, categories].to_numpy() <= 0.3) & drawn
    (rings,) = [one for one in ax.collections if one.get_label() == "_called"]
    columns, rows = np.asarray(rings.get_offsets()).astype(int).T
    found = np.zeros_like(expected)
    found[rows, columns] = True
    np.testing.assert_array_equal(found, expected)
    assert expected.any()
    assert "q ≤ 0.3" in [text.get_text() for text in ax.get_legend().get_texts()]
    # other categories than those of the test have none
    assert "_called" not in {one.get_label() for one in pl.dotplot(replicated, "celltype", n_genes=4).collections}
