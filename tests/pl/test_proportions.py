import numpy as np
import pandas as pd
import pytest

import kompot_scverse.pl as pl
import kompot_scverse.tl as tl
from kompot_scverse._stats.abundance_testing import abundance_test
from kompot_scverse._stats.linear_model import SampleDesign


def counts_of(adata) -> pd.DataFrame:
    cells = adata.obs["Age"].isin(["Young", "Old"]).to_numpy()
    labels = adata.obs["Replicate"][cells].astype(str)
    return pd.crosstab(labels, adata.obs["branch"][cells])


def test_points_are_the_shares_of_the_samples(replicated, unchanged, assert_not_clipped):
    with unchanged(replicated):
        ax = pl.proportions(replicated, "branch")
    counts = counts_of(replicated)
    shares = counts.div(counts.sum(axis=1), axis=0)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == list(counts.sum().sort_values(ascending=False, kind="stable").index)
    for age in ("Young", "Old"):
        drawn = [line.get_ydata() for line in ax.lines if line.get_label() == f"_{age}"]
        own = shares[[label.startswith(age) for label in shares.index]]
        np.testing.assert_allclose(np.array(drawn), own[names].to_numpy().T)
    assert_not_clipped(ax.figure)


def test_q_is_that_of_the_abundance_test_of_whole_categories(replicated):
    ax = pl.proportions(replicated, "branch")
    counts = counts_of(replicated)
    mass = counts.to_numpy(dtype=float)
    is_old = np.array([label.startswith("Old") for label in counts.index])
    design = SampleDesign(np.column_stack([np.ones(len(mass)), is_old]), np.array([0.0, 1.0]))
    q = pd.Series(abundance_test(mass, np.stack([np.diag(own) for own in mass]), design).qvalue, index=counts.columns)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert [text.get_text() for text in ax.texts] == [f"q={q[name]:.2g}" for name in names]
    assert (q < 0.5).any()


def test_order_exclude_and_runs_without_samples(replicated, analysed):
    ax = pl.proportions(replicated, "branch", order=["HSC", "Monocyte"], exclude="Monocyte")
    assert [text.get_text() for text in ax.get_xticklabels()] == ["HSC"]
    with pytest.raises(LookupError, match=r"No samples of run 1 .*sample_key"):
        pl.proportions(analysed, "branch")


def test_pairs_are_joined(replicated):
    replicated.obs["donor"] = pd.Categorical(replicated.obs["Replicate"].astype(str).str[-1])
    options = {"reference": "Young", "groups": "Old", "sample_key": "donor", "paired": True}
    tl.da(replicated, "Age", key_added="pairs", **options)
    ax = pl.proportions(replicated, "branch", key_added="pairs")
    pairs = [line for line in ax.lines if line.get_label() == "_pair"]
    assert len(pairs) == 3 * len(ax.get_xticklabels())
    assert "same donor" in [text.get_text() for text in ax.get_legend().get_texts()]
