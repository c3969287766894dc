"""The table of gene sets."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

import kompot_scverse as kp

ROWS = [
    {"source": "late", "n_genes": 5, "pvalue": 0.3, "qvalue": 0.3, "zscore": 1.0, "region": None, "direction": "up"},
    {"source": "early", "n_genes": 9, "pvalue": 0.01, "qvalue": 0.02, "zscore": -3.0, "region": 1, "direction": "down"},
]


@pytest.fixture
def adata() -> AnnData:
    data = AnnData(np.zeros((4, 2)))
    data.obs["Age"] = ["Young", "Old"] * 2
    data.obs["type"] = pd.Categorical(["T", "T", "B", "B"])
    soft = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    diagnostics = {"neighborhood_tree": [[0, 1]]}
    add_run(data, summary={"gene_sets": ROWS}, diagnostics=diagnostics, obsm={"neighborhoods": soft})
    return data


def test_sets_are_ordered_by_p_and_described_by_their_region(adata: AnnData) -> None:
    found = kp.get.gene_sets(adata, annotate="type")
    assert found.index.to_list() == ["early", "late"]
    assert found.index.name == "source"
    assert found["annotation"].to_list()[0] == "B, 100 %"
    assert found["annotation"].isna().to_list() == [False, True]
    assert found["region"].dtype == "Int64"


def test_sets_up_to_a_false_discovery_rate(adata: AnnData) -> None:
    assert kp.get.gene_sets(adata, max_fdr=0.02).index.to_list() == ["early"]


def test_runs_without_sets_say_so() -> None:
    data = AnnData(np.zeros((4, 2)))
    add_run(data, var={"mean_lfc": np.zeros(2)})
    with pytest.raises(LookupError, match=r"No gene sets of run 0 .*kp.tl.gene_sets"):
        kp.get.gene_sets(data)
