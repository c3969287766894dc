"""Sets of planted genes are found where and as they change, and sets drawn at random are not."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData
from planted import PER_PATTERN, planted

import kompot_scverse as kp

ARGUMENTS = {"reference": "early", "groups": "late", "sample_key": "sample", "use_rep": "X_pca"}


def net() -> dict[str, list[str]]:
    """A set for each pattern, and 20 drawn from all genes: the test compares with the others."""
    rng = np.random.default_rng(0)
    sets = {f"pattern{n}": [f"gene{n * PER_PATTERN + gene}" for gene in range(PER_PATTERN)] for n in range(3)}
    others = {f"other{n}": [f"gene{gene}" for gene in rng.choice(120, 12, replace=False)] for n in range(20)}
    return sets | others


@pytest.fixture(scope="module")
def tested() -> AnnData:
    adata, _ = planted()
    kp.tl.de(adata, "time", **ARGUMENTS)
    kp.tl.gene_sets(adata, net())
    return adata


def test_planted_sets_come_first_with_place_and_direction(tested):
    table = kp.get.gene_sets(tested, annotate="part")
    assert set(table.index[:2]) == {"pattern0", "pattern1"}
    assert (table.loc[["pattern0", "pattern1"], "qvalue"] < 0.05).all()
    assert table.loc["pattern0", "direction"] == "up"
    assert table.loc["pattern0", "annotation"].startswith("left")
    assert table.loc["pattern1", "direction"] == "down"
    assert table.loc["pattern1", "annotation"].startswith("right")
    others = table[table.index.str.startswith("other")]
    assert (others["pvalue"] < 0.05).mean() <= 0.15
    assert (others["n_genes"] == 12).all()
    assert kp.get.gene_sets(tested, max_fdr=0.05).index.to_list() == table.index[table["qvalue"] <= 0.05].to_list()


def test_a_weighted_table_is_recorded_and_replaces_the_first():
    adata, _ = planted(n_cells=480)
    kp.tl.de(adata, "time", **ARGUMENTS)
    kp.tl.gene_sets(adata, net())
    before = kp.get.gene_sets(adata).loc["pattern0", "zscore"]
    table = pd.DataFrame({"source": "turned", "target": net()["pattern0"], "weight": -1.0})
    kp.tl.gene_sets(adata, table)
    found = kp.get.gene_sets(adata)
    assert found.index.to_list() == ["turned"]
    assert found["zscore"].iloc[0] == pytest.approx(-before, abs=1e-3)
    assert found["direction"].iloc[0] == "down"
    assert "kp.tl.gene_sets(" in kp.RunInfo(adata).call()


def test_of_a_modality_and_of_some_genes():
    adata, _ = planted(n_cells=480)
    mdata = MuData({"rna": adata[:, :80].copy(), "prot": adata[:, 80:].copy()})
    for name in ("time", "sample"):
        mdata.obs[name] = adata.obs[name]
    mdata.obsm["X_pca"] = adata.obsm["X_pca"]
    kp.tl.de(mdata, "time", genes={"rna": [f"gene{gene}" for gene in range(60)]}, **ARGUMENTS)
    kp.tl.gene_sets(mdata, {"first": net()["pattern0"]}, mod="rna")
    assert kp.get.gene_sets(mdata, mod="rna")["pvalue"].iloc[0] < 0.05


def test_what_cannot_be_tested_is_said(tested):
    with pytest.raises(ValueError, match="at least 3"):
        kp.tl.gene_sets(tested, net(), min_genes=1)
    with pytest.raises(ValueError, match="No set of `net`"):
        kp.tl.gene_sets(tested, {"unknown": ["X", "Y"]})
    cells = tested.copy()
    kp.tl.de(cells, "time", reference="early", groups="late", use_rep="X_pca", key_added="cells")
    with pytest.raises(LookupError, match="sample_key"):
        kp.tl.gene_sets(cells, net())
    with pytest.raises(LookupError, match=r"No gene sets of run 1 .*kp\.tl\.gene_sets"):
        kp.get.gene_sets(cells)
