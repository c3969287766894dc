import numpy as np
import pytest

import kompot_scverse.pl as pl

PREFIX = "kompot_de_Young_to_Old_branch"


@pytest.mark.parametrize(("max_fdr", "min_lfc"), [(None, 0.0), (0.6, 0.1)])
def test_bars_are_numbers_of_genes(replicated, unchanged, assert_not_clipped, max_fdr, min_lfc):
    with unchanged(replicated):
        ax = pl.gene_barplot(replicated, max_fdr=max_fdr, min_lfc=min_lfc)
    q, change = (replicated.varm[f"{PREFIX}_{name}"] for name in ("qvalue", "mean_lfc"))
    called = (q <= (max_fdr or 0.3)) & (change.abs() >= min_lfc)
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert set(names) == set(q.columns[q.notna().any()])
    for container, sign in zip(ax.containers, (-1, 1), strict=True):
        expected = (called & (np.sign(change) == sign)).sum()[names]
        assert [sign * bar.get_width() for bar in container] == expected.tolist()
    assert called.to_numpy().any()
    totals = called.sum()[names].to_numpy()
    assert (np.diff(totals) <= 0).all()
    assert_not_clipped(ax.figure)


def test_runs_without_a_test_in_categories(replicated, analysed):
    with pytest.raises(LookupError, match="sample_key"):
        pl.gene_barplot(analysed)
    with pytest.raises(ValueError, match="max_fdr"):
        pl.gene_barplot(replicated, max_fdr=2.0)
