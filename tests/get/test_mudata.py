"""Tables and layers of a MuData."""

import numpy as np
import pandas as pd
import pytest

from kompot_scverse import GPSettings, RunInfo, StorageSettings, TestSettings, get, tl

CALL = {"groupby": "Age", "reference": "Young", "groups": "Old", "use_rep": "joint"}
KOMPOT = {"test": TestSettings(null_genes=200), "gp": GPSettings.kompot()}


@pytest.fixture
def analysed(partial):
    tl.da(partial, **CALL)
    tl.de(partial, **CALL, **KOMPOT, sample_key="Replicate", storage=StorageSettings(sample_covariance="memory"))
    tl.de(partial, **CALL, **KOMPOT, mod="rna", key_added="single")
    return partial


def test_de_df(analysed):
    long = get.de_df(analysed, run_id=1)
    assert long.columns[0] == "mod"
    assert long["mod"].value_counts().to_dict() == {"rna": 46, "prot": 14}
    for mod in ("rna", "prot"):
        pd.testing.assert_frame_equal(
            long[long["mod"] == mod].drop(columns="mod"), get.de_df(analysed, mod=mod, run_id=1)
        )
    # the last run is of one modality
    assert get.de_df(analysed)["mod"].unique().tolist() == ["rna"]
    assert "mod" not in get.de_df(analysed, mod="rna")
    # of prot alone, the last is the first
    assert get.de_df(analysed, mod="prot").shape[0] == 14
    with pytest.raises(LookupError, match="No da run"):
        get.da_df(analysed, mod="prot")


def test_da_df(analysed):
    table = get.da_df(analysed, obs_columns=["celltype", "rna:kompot_de_Old_std"], sort=False)
    assert table.index.equals(analysed.obs_names)
    assert (table["celltype"] == analysed.obs["celltype"]).all()
    known = analysed.obs_names.isin(analysed["rna"].obs_names)
    assert (table["rna:kompot_de_Old_std"].notna() == known).all()


def test_runs_are_listed_by_modality(analysed):
    table = get.runs(analysed)
    assert list(zip(table.index, table["mod"], table["analysis"], strict=True)) == [
        (0, "", "da"), (1, "rna", "de"), (1, "prot", "de"), (2, "rna", "de"),
    ]  # fmt: skip
    assert get.runs(analysed, mod="prot").index.to_list() == [1]
    assert "mod" not in get.runs(analysed, mod="prot")


def test_layer_and_covariance(analysed):
    for mod in ("rna", "prot"):
        layer = get.layer(analysed, "fold_change", run_id=1, mod=mod)
        np.testing.assert_allclose(
            layer, np.asarray(analysed[mod].layers["kompot_de_Young_to_Old_fold_change"]), rtol=1e-5, atol=2e-6
        )
    with pytest.raises(LookupError, match="Run 1 .* is of the modalities 'rna' and 'prot'; pass one"):
        get.layer(analysed, "fold_change", run_id=1)
    # the last run is of one modality; genes may carry its name
    name = analysed["rna"].var_names[4]
    np.testing.assert_allclose(
        get.layer(analysed, "fold_change", genes=[f"rna:{name}"])[:, 0],
        get.layer(analysed, "fold_change")[:, 4],
        rtol=1e-5,
        atol=1e-6,
    )
    gene = analysed["prot"].var_names[0]
    covariance = get.sample_covariance(analysed, gene, mod="prot", run_id=1, cells=[0, 1])
    np.testing.assert_allclose(covariance, get.sample_covariance(analysed["prot"], gene, cells=[0, 1]))
    with pytest.raises(LookupError, match="pass one of them as `mod=`"):
        get.sample_covariance(analysed, gene, run_id=1)
    # from the expression where it is not kept
    tl.cleanup(analysed, run_ids=1)
    again = get.sample_covariance(analysed, gene, mod="prot", run_id=1, cells=[0, 1])
    np.testing.assert_allclose(again, covariance, rtol=1e-3)


def test_cleanup_and_restore(analysed):
    layers = {mod: list(analysed[mod].layers) for mod in ("rna", "prot")}
    expected = np.asarray(analysed["prot"].layers["kompot_de_Young_to_Old_fold_change"])
    dropped = tl.cleanup(analysed, run_ids=1, keep="sample_weights")
    assert set(dropped["mod"]) == {"rna", "prot"}
    assert (dropped["run_id"] == 1).all()
    assert "single_Young_imputed" in analysed["rna"].layers
    assert "missing" in set(RunInfo(analysed, 1).fields["status"])
    tl.restore_layers(analysed, 1, mod="prot")
    assert "kompot_de_Young_imputed" not in analysed["rna"].layers
    np.testing.assert_allclose(
        np.asarray(analysed["prot"].layers["kompot_de_Young_to_Old_fold_change"]), expected, rtol=1e-5
    )
    tl.restore_layers(analysed, 1)
    assert {mod: set(analysed[mod].layers) for mod in layers} == {mod: set(names) for mod, names in layers.items()}
    only = tl.cleanup(analysed, mod="rna")
    assert set(only["mod"]) == {"rna"}
    assert set(only["run_id"]) == {1, 2}
    with pytest.raises(LookupError):
        tl.cleanup(analysed, run_ids=0, mod="prot")
    with pytest.raises(TypeError, match="`mod='rna'`"):
        tl.cleanup(analysed["rna"], mod="rna")


def test_run_info_and_comparison(analysed):
    joint, rna = RunInfo(analysed, 1), RunInfo(analysed, 2)
    assert set(joint.fields["mod"]) == {"rna", "prot"}
    compared = joint.compare_with(rna)
    assert "sample_key" in compared.params.index
    assert "mdata['rna']" in repr(compared)
    assert "mdata[&#x27;rna&#x27;]" in compared._repr_html_()
    assert "rna" in joint._repr_html_()
    assert RunInfo(analysed, 1, mod="rna").compare_with(2).runs == (1, 2)


def test_several_runs_of_one_number(adata, citeseq):
    for mod in ("rna", "prot"):
        own = citeseq[mod]
        own.obs["Age"], own.obsm["X_joint"] = citeseq.obs["Age"], citeseq.obsm["X_joint"]
        tl.de(own, **CALL, test=TestSettings(null_genes=100 if mod == "rna" else 200))
    runs = {mod: RunInfo(citeseq[mod])._run for mod in ("rna", "prot")}
    if runs["rna"].time != runs["prot"].time:
        with pytest.raises(LookupError, match="several runs 0, of 'rna' and 'prot'; pass one of them as `mod=`"):
            get.de_df(citeseq, run_id=0)
    assert get.de_df(citeseq, run_id=0, mod="prot").shape[0] == 14
    assert set(get.runs(citeseq)["mod"]) == {"rna", "prot"}
