import numpy as np
import pytest

import kompot_scverse.pl as pl

PREFIX = "kompot_de_Young_to_Old"


def test_points_are_the_means_of_the_cells(replicated, unchanged, assert_not_clipped):
    genes = list(replicated.var_names[[3, 7]])
    with unchanged(replicated):
        panels = pl.pseudobulk(replicated, genes)
    assert list(panels.axes) == genes
    obs, q = replicated.obs, replicated.varm[f"{PREFIX}_branch_qvalue"]
    for gene, ax in panels.axes.items():
        y = replicated[:, gene].layers["logged_counts"].toarray()[:, 0]
        names = [text.get_text() for text in ax.get_xticklabels()]
        for age in ("Young", "Old"):
            drawn = [line.get_ydata() for line in ax.lines if line.get_label() == f"_{age}"]
            for name, values in zip(names, drawn, strict=True):
                for label, value in zip([f"{age}_{number}" for number in (1, 2, 3)], values, strict=True):
                    own = ((obs["Replicate"] == label) & (obs["branch"] == name)).to_numpy()
                    if own.sum() < 10:
                        assert np.isnan(value)
                    else:
                        assert value == pytest.approx(y[own].mean())
        texts = [f"q={value:.1g}" if np.isfinite(value) else "" for value in q.loc[gene, names]]
        assert [text.get_text() for text in ax.texts] == texts
    assert_not_clipped(panels.figure)


def test_other_categories_have_no_q_and_wrong_ones_are_named(replicated, analysed):
    (ax,) = pl.pseudobulk(replicated, replicated.var_names[0], cell_groups="celltype").axes.values()
    assert len(ax.texts) == 0
    with pytest.raises(LookupError, match=r"No samples of run 0"):
        pl.pseudobulk(analysed)
    with pytest.raises(KeyError, match="cell_groups"):
        pl.pseudobulk(replicated, replicated.var_names[0], cell_groups="nope")
    with pytest.raises(ValueError, match="at least 1"):
        pl.pseudobulk(replicated, min_cells=0)
