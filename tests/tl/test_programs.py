"""Programs of genes: planted patterns are found, and what is written belongs to the run."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData, read_h5ad
from mudata import MuData
from planted import planted
from sklearn.metrics import adjusted_rand_score

import kompot_scverse as kp

ARGUMENTS = {"reference": "early", "groups": "late", "sample_key": "sample", "use_rep": "X_pca"}
K = "kompot_de_early_to_late"


@pytest.fixture(scope="module")
def analysed_once() -> tuple[AnnData, np.ndarray]:
    adata, truth = planted()
    kp.tl.de(adata, "time", cell_groups="part", **ARGUMENTS)
    return adata, truth


@pytest.fixture
def analysed(analysed_once) -> AnnData:
    return analysed_once[0].copy()


def test_three_planted_patterns_are_three_programs(analysed, analysed_once):
    truth = analysed_once[1]
    kp.tl.programs(analysed)
    program = analysed.var[f"{K}_program"]
    assert list(program.cat.categories) == ["1", "2", "3"]
    found = program.notna().to_numpy() & (truth >= 0)
    assert found.sum() > 40
    assert adjusted_rand_score(truth[found], program[found].astype(str)) > 0.8
    assert (analysed.var[f"{K}_program_score"][found] > 0.6).mean() > 0.9


def test_the_table_says_where_and_which_way(analysed, analysed_once):
    kp.tl.programs(analysed)
    table = kp.get.programs(analysed)
    pattern = [analysed_once[1][analysed.var_names.get_loc(genes.split(", ")[0])] for genes in table["genes"]]
    by_pattern = table.assign(pattern=pattern).set_index("pattern")
    assert by_pattern["direction"].to_dict() == {0: "up", 1: "down", 2: "up"}
    assert by_pattern["strongest"].to_dict() == {0: "left", 1: "right", 2: ""}
    assert (table["n_genes"].diff().dropna() <= 0).all()


def test_fields_are_mean_fold_changes_in_units_of_their_size(analysed):
    kp.tl.programs(analysed)
    members = np.flatnonzero(analysed.var[f"{K}_program"] == "1")
    change = kp.get.layer(analysed, "fold_change", genes=analysed.var_names[members]).astype(float)
    expected = (change / np.sqrt((change**2).mean(axis=0))).mean(axis=1)
    np.testing.assert_allclose(analysed.obs[f"{K}_program_1"], expected, rtol=1e-3, atol=1e-3)


def test_another_call_replaces_all_of_the_first(analysed):
    kp.tl.programs(analysed, 4)
    assert f"{K}_program_4" in analysed.obs
    kp.tl.programs(analysed, 2, max_fdr=0.01)
    assert [name for name in analysed.obs if "program" in name] == [f"{K}_program_1", f"{K}_program_2"]
    assert len(kp.get.programs(analysed)) == 2
    info = kp.RunInfo(analysed)
    assert info.fields["statistic"].str.startswith("program").sum() == 4
    text = info.call("analysed")
    assert text.endswith("kp.tl.programs(\n    analysed,\n    n_programs=2,\n    max_fdr=0.01,\n)")
    before = analysed.obs[f"{K}_program_2"].copy()
    analysed.obs[f"{K}_program_2"] = 0.0
    exec(text.split("\n)\n")[1], {"kp": kp, "analysed": analysed})
    pd.testing.assert_series_equal(analysed.obs[f"{K}_program_2"], before)


def test_after_writing_and_reading(analysed, tmp_path):
    kp.tl.programs(analysed)
    kp.tl.cleanup(analysed)
    analysed.write_h5ad(tmp_path / "a.h5ad")
    again = read_h5ad(tmp_path / "a.h5ad")
    pd.testing.assert_frame_equal(kp.get.programs(again), kp.get.programs(analysed))
    before = again.obs[f"{K}_program_1"].copy()
    kp.tl.programs(again)
    pd.testing.assert_series_equal(again.obs[f"{K}_program_1"], before, rtol=1e-4)


def test_each_modality_by_itself(analysed_once):
    adata, truth = planted()
    parts = {"rna": adata[:, truth < 2].copy(), "prot": adata[:, truth == 2].copy()}
    mdata = MuData(parts)
    for name in ("time", "sample", "part"):
        mdata.obs[name] = adata.obs[name]
    mdata.obsm["X_pca"] = adata.obsm["X_pca"]
    kp.tl.de(mdata, "time", **ARGUMENTS)
    kp.tl.programs(mdata, 2, mod="rna")
    assert f"{K}_program" in mdata["rna"].var
    assert f"{K}_program" not in mdata["prot"].var
    # the other modality stays in the run
    assert set(kp.get.de_df(mdata)["mod"]) == {"rna", "prot"}
    kp.tl.programs(mdata, 1)
    table = kp.get.programs(mdata)
    assert table["mod"].to_list() == ["rna", "prot"]
    assert kp.get.programs(mdata, mod="prot").index.to_list() == ["1"]
    assert kp.get.programs(mdata["prot"])["n_genes"].to_list() == table["n_genes"].to_list()[1:]


def test_what_cannot_be_grouped_is_said(analysed):
    with pytest.raises(LookupError, match=r"No programs of run 0 .*; call `kp\.tl\.programs"):
        kp.get.programs(analysed)
    with pytest.raises(ValueError, match="3 genes of run 0"):
        kp.tl.programs(analysed, genes=["gene0", "gene1", "gene2"])
    with pytest.raises(ValueError, match="which need 500"):
        kp.tl.programs(analysed, 500)
    with pytest.raises(ValueError, match="at least 1"):
        kp.tl.programs(analysed, 0)
