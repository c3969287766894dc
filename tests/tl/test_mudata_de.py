"""Differential expression of the modalities of a MuData; the witness is the same analysis of an AnnData by hand."""

import logging
import warnings

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import kompot_scverse as kp
from kompot_scverse import GPSettings, RunInfo, StorageSettings, TestSettings, get, tl

CALL = {"groupby": "Age", "reference": "Young", "groups": "Old"}
K = "kompot_de_Young_to_Old"
FAST = TestSettings(null_genes=200)


def by_hand(mdata, mod, use_rep="X_joint"):
    """One modality with columns and cell states copied to it, matched by name."""
    own = mdata[mod]
    adata = ad.AnnData(
        np.asarray(own.X[:]) if mdata.isbacked else own.X.copy(), obs=own.obs[[]].copy(), var=own.var[[]].copy()
    )
    for name in ("Age", "Replicate", "celltype"):
        adata.obs[name] = mdata.obs[name].reindex(own.obs_names)
    states = pd.DataFrame(mdata.obsm[use_rep], index=mdata.obs_names)
    adata.obsm["X_joint"] = states.reindex(own.obs_names).to_numpy()
    return adata


def as_array(values):
    """Also of sparse fields."""
    return values.toarray() if sp.issparse(values) else np.asarray(values)


def assert_same(found, expected, rtol=1e-5):
    """Every field that the call by hand wrote."""
    for slot in ("obs", "var", "obsm", "varm", "layers"):
        written = [key for key in getattr(expected, slot) if str(key).startswith("kompot")]
        assert written or slot == "obs"
        for key in written:
            left, right = (as_array(getattr(data, slot)[key]).astype(float) for data in (found, expected))
            np.testing.assert_allclose(left, right, rtol=rtol, atol=1e-5 * max(1.0, np.nanmax(abs(right))), err_msg=key)


def test_equal_to_the_analysis_by_hand(citeseq):
    before = citeseq.obs.copy()
    call = CALL | {"sample_key": "Replicate", "cell_groups": "celltype", "test": FAST}
    tl.de(citeseq, **call, use_rep="X_joint")
    for mod in ("rna", "prot"):
        expected = by_hand(citeseq, mod)
        tl.de(expected, **call, use_rep="X_joint")
        assert_same(citeseq[mod], expected)
        own = RunInfo(citeseq, mod=mod)
        assert own.params == RunInfo(expected).params
        assert own.cells == RunInfo(expected).cells
        assert own.summary == RunInfo(expected).summary
    pd.testing.assert_frame_equal(citeseq.obs, before)
    assert set(citeseq.obsm) == {"X_joint", "X_umap", "rna", "prot"}


def test_one_basis_for_all_modalities(citeseq):
    tl.de(citeseq, **CALL, use_rep="joint", test=FAST)
    np.testing.assert_array_equal(citeseq["rna"].obsm["kompot_de_basis"], citeseq["prot"].obsm["kompot_de_basis"])


def test_missing_cells_and_another_order(partial):
    gp = GPSettings(ls=2.0, rtol=1e-8)
    tl.de(partial, **CALL, use_rep="X_joint", sample_key="Replicate", gp=gp, test=FAST)
    for mod in ("rna", "prot"):
        expected = by_hand(partial, mod)
        tl.de(expected, **CALL, use_rep="X_joint", sample_key="Replicate", gp=gp, test=FAST)
        # the basis has other pivots, since it is of all cells; the functions are the same
        for key in (f"{K}_mahalanobis_sample_var", f"{K}_mean_lfc", f"{K}_pvalue"):
            np.testing.assert_allclose(partial[mod].var[key], expected.var[key], rtol=2e-3, atol=1e-5, err_msg=key)
        close = {"rtol": 1e-3, "atol": 2e-3}
        np.testing.assert_allclose(
            np.asarray(partial[mod].layers[f"{K}_fold_change"]),
            np.asarray(expected.layers[f"{K}_fold_change"]),
            **close,
        )
        lacking = partial.n_obs - partial[mod].n_obs
        assert RunInfo(partial, mod=mod).cells["missing_in_modality"] == lacking
        assert f"missing in modality  {lacking}" in repr(RunInfo(partial, mod=mod))
    assert RunInfo(partial).cells["modalities"]["rna"]["conditions"] == RunInfo(partial, mod="rna").cells["conditions"]
    assert "rna: Young" in repr(RunInfo(partial))


def test_one_modality_uses_its_own_cells(partial):
    tl.de(partial, **CALL, use_rep="X_joint", mod="prot", test=FAST)
    expected = by_hand(partial, "prot")
    tl.de(expected, **CALL, use_rep="X_joint", test=FAST)
    assert_same(partial["prot"], expected)
    assert "kompot" not in partial["rna"].uns


def test_states_of_another_modality(partial):
    """Cells of prot that rna lacks have no state."""
    states = pd.DataFrame(partial.obsm["X_joint"], index=partial.obs_names)
    partial["rna"].obsm["X_pca"] = states.reindex(partial["rna"].obs_names).to_numpy()
    tl.de(partial, **CALL, mod="prot", use_rep="rna:pca", test=FAST)
    stateless = ~partial["prot"].obs_names.isin(partial["rna"].obs_names)
    assert stateless.any()
    assert RunInfo(partial, mod="prot").cells["without_state"] == stateless.sum()
    assert RunInfo(partial).params["use_rep"] == "rna:X_pca"
    expected = by_hand(partial, "prot")[~stateless].copy()
    tl.de(expected, **CALL, use_rep="X_joint", test=FAST)
    np.testing.assert_allclose(partial["prot"].var[f"{K}_mahalanobis"], expected.var[f"{K}_mahalanobis"], rtol=1e-5)
    fold_change = np.asarray(partial["prot"].layers[f"{K}_fold_change"])
    assert np.isnan(fold_change[stateless]).all()
    np.testing.assert_allclose(
        fold_change[~stateless], np.asarray(expected.layers[f"{K}_fold_change"]), rtol=1e-4, atol=1e-5
    )


def test_a_backed_file_gives_the_same(partial, tmp_path):
    in_memory = partial.copy()
    tl.de(in_memory, **CALL, use_rep="X_joint", test=FAST)
    partial.write(tmp_path / "data.h5mu")
    backed = md.read_h5mu(tmp_path / "data.h5mu", backed="r")
    assert backed["rna"].isbacked
    tl.de(backed, **CALL, use_rep="X_joint", test=FAST)
    for mod in ("rna", "prot"):
        assert_same(backed[mod], in_memory[mod])
    backed.file.close()


def test_columns_of_the_modality_and_disagreement(citeseq):
    for mod in ("rna", "prot"):
        citeseq[mod].obs["Age"] = citeseq.obs["Age"]
    del citeseq.obs["Age"]
    tl.de(citeseq, **CALL, use_rep="joint", test=FAST)
    expected = citeseq["prot"].var[f"{K}_mahalanobis"].copy()
    citeseq.obs["Age"] = citeseq["rna"].obs["Age"]
    tl.de(citeseq, **CALL, use_rep="joint", test=FAST, overwrite=True)
    np.testing.assert_allclose(citeseq["prot"].var[f"{K}_mahalanobis"], expected)
    citeseq.obs["Age"] = citeseq.obs["Age"].astype(str)
    citeseq.obs.loc[citeseq.obs_names[[3, 5]], "Age"] = "Older"
    with pytest.raises(ValueError, match=f"disagree about 2 cells: {citeseq.obs_names[3]}") as caught:
        tl.de(citeseq, **CALL, use_rep="joint", key_added="other")
    assert caught.value.__notes__ == ["This is about modality 'rna' of the MuData."]
    assert not any(key.startswith("other") for key in citeseq["rna"].var)


def test_few_features_have_null_genes_with_replacement(citeseq, caplog):
    with caplog.at_level(logging.INFO, logger="kompot_scverse"):
        tl.de(citeseq, **CALL, use_rep="joint", mod="prot", test=TestSettings(null_genes=500))
    assert "14 features of prot are too few for 500 null genes" in caplog.text
    params = RunInfo(citeseq).params
    assert params["null_genes"] == 500
    assert "500 from 14" in params["null_genes_drawn"]
    assert get.de_df(citeseq)["local_fdr"].between(0, 1).all()


def test_layer_and_genes_of_each_modality(citeseq):
    citeseq["prot"].layers["clr"] = citeseq["prot"].X * 2
    tl.de(citeseq, **CALL, use_rep="joint", layer={"prot": "clr"}, test=FAST)
    tl.de(citeseq, **CALL, use_rep="joint", mod="prot", key_added="single", test=FAST)
    own = citeseq["prot"].var
    np.testing.assert_allclose(own[f"{K}_mean_lfc"], 2 * own["single_Young_to_Old_mean_lfc"], rtol=1e-5)
    assert RunInfo(citeseq, 0).params["layer"] == {"rna": None, "prot": "clr"}
    assert RunInfo(citeseq, 0, mod="prot").params["layer"] == "clr"
    names = citeseq["rna"].var_names[3], citeseq["prot"].var_names[2]
    tl.de(citeseq, **CALL, use_rep="joint", genes=[names[0], f"prot:{names[1]}"], key_added="few", test=FAST)
    assert set(get.de_df(citeseq).index) == set(names)
    with pytest.raises(KeyError, match="No layer 'clr'"):
        tl.de(citeseq, **CALL, use_rep="joint", layer="clr", key_added="wrong")


def test_genes_added_to_an_earlier_run(citeseq):
    tl.de(citeseq, **CALL, use_rep="joint", test=FAST)
    before = citeseq["prot"].var[f"{K}_mahalanobis"].copy()
    name = citeseq["prot"].var_names[0]
    tl.de(citeseq, **CALL, use_rep="joint", genes=[f"prot:{name}"], test=FAST, overwrite=True)
    np.testing.assert_allclose(citeseq["prot"].var[f"{K}_mahalanobis"], before, rtol=1e-5)
    assert RunInfo(citeseq, 1).params["updated_run"] == 0
    assert "overwritten by run 1 for 1 genes" in set(RunInfo(citeseq, 0).fields["status"])


def test_mask_of_all_cells(citeseq, partial):
    mask = np.asarray(partial.obs["celltype"] != partial.obs["celltype"].iloc[0])
    tl.de(partial, **CALL, use_rep="joint", mod="prot", mask_obs=mask, test=FAST)
    partial.obs["used"] = mask
    tl.de(partial, **CALL, use_rep="joint", mod="prot", mask_obs="used", key_added="named", test=FAST)
    own = partial["prot"].var
    np.testing.assert_array_equal(own[f"{K}_mahalanobis"], own["named_Young_to_Old_mahalanobis"])
    assert RunInfo(partial).cells["conditions"]["Old"] == int(
        ((partial.obs["Age"] == "Old") & mask).reindex(partial["prot"].obs_names).sum()
    )


def test_run_ids_are_new_everywhere(citeseq):
    rna = citeseq["rna"]
    rna.obsm["X_own"] = citeseq.obsm["X_joint"]
    rna.obs["Age"] = citeseq.obs["Age"]
    for key in ("a", "b"):
        tl.de(rna, **CALL, use_rep="X_own", key_added=key, test=FAST)
    tl.de(citeseq, **CALL, use_rep="joint", test=FAST)
    assert get.runs(citeseq).index.to_list() == [0, 1, 2, 2]
    assert get.runs(citeseq)["mod"].to_list() == ["rna", "rna", "rna", "prot"]
    assert get.runs(rna).index.to_list() == [0, 1, 2]
    assert get.runs(citeseq["prot"]).index.to_list() == [2]


def test_overwrite_names_the_modality(citeseq):
    tl.de(citeseq, **CALL, use_rep="joint", mod="prot", test=FAST)
    with pytest.warns(UserWarning, match=r"written by run 0: mdata\['prot'\]\.obsm\['kompot_de_basis'\]") as caught:
        tl.de(citeseq, **CALL, use_rep="joint", test=FAST)
    assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="exist already"):
        tl.de(citeseq, **CALL, use_rep="joint", overwrite=False)


def test_interrupted_leaves_all_modalities_as_they_were(citeseq, unchanged, monkeypatch):
    tl.de(citeseq, **CALL, use_rep="joint", mod="rna", test=FAST)

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("kompot_scverse._results.store.store_runs", interrupt)
    uns = dict(citeseq.uns["kompot"]["runs"])
    with unchanged(citeseq["rna"]), unchanged(citeseq["prot"]), pytest.raises(KeyboardInterrupt):
        tl.de(citeseq, **CALL, use_rep="joint", sample_key="Replicate", test=FAST, overwrite=True)
    assert citeseq.uns["kompot"]["runs"] == uns
    assert "kompot" not in citeseq["prot"].uns


def test_copy_and_view(citeseq):
    done = citeseq.copy()
    tl.de(done, **CALL, use_rep="joint", test=FAST)
    assert f"{K}_is_de" in done["prot"].var
    assert "kompot" not in citeseq.uns
    view = citeseq[citeseq.obs["celltype"] != "HSC"]
    with pytest.warns(UserWarning, match="are a view") as caught:
        tl.de(view, **CALL, use_rep="joint", test=FAST)
    assert caught[0].filename == __file__
    assert f"{K}_is_de" in view["rna"].var
    assert "kompot" not in citeseq["rna"].uns


# mudata writes zarr's second format
@pytest.mark.filterwarnings("ignore:This setting will be removed in 0.14:DeprecationWarning")
@pytest.mark.parametrize("suffix", ["h5mu", "zarr"])
def test_round_trip_and_a_modality_alone(citeseq, tmp_path, suffix):
    tl.de(citeseq, **CALL, use_rep="joint", sample_key="Replicate", test=FAST)
    expected = {mod: get.layer(citeseq, "fold_change", mod=mod) for mod in ("rna", "prot")}
    path = tmp_path / f"data.{suffix}"
    if suffix == "zarr":
        citeseq.write_zarr(path)
        read = md.read_zarr(path)
    else:
        citeseq.write(path)
        read = md.read_h5mu(path)
    pd.testing.assert_frame_equal(get.de_df(read), get.de_df(citeseq), check_names=False)
    assert (RunInfo(read).fields["status"] == "present").all()
    alone = read["prot"].copy()
    info = RunInfo(alone)
    assert (info.run_id, set(info.fields["status"])) == (0, {"present"})
    assert {entry for entry in info.fields["key"] if entry.startswith(K)} == {
        key
        for slot in ("obs", "var", "varm", "obsm", "layers")
        for key in getattr(alone, slot)
        if str(key).startswith(K)
    }
    # which cells are of a condition is known to the whole only
    whole = get.de_df(citeseq, mod="prot").drop(columns="region_cells")
    pd.testing.assert_frame_equal(get.de_df(alone), whole, check_names=False)
    np.testing.assert_allclose(get.layer(alone, "fold_change"), expected["prot"], rtol=1e-5)
    tl.cleanup(alone)
    tl.restore_layers(alone)
    np.testing.assert_allclose(np.asarray(alone.layers[f"{K}_fold_change"]), expected["prot"], rtol=1e-5)
    # and what it is put together with knows its runs
    again = md.MuData({"prot": alone, "rna": read["rna"].copy()})
    assert get.runs(again)["mod"].to_list() == ["prot", "rna"]


def test_call_repeats_the_run(citeseq):
    tl.de(citeseq, "Age", reference="Young", use_rep="X_joint", mod=["prot", "rna"], layer={"rna": None}, test=FAST)
    text = RunInfo(citeseq).call()
    assert text.startswith("kp.tl.de(\n    mdata,")
    other = citeseq.copy()
    eval(text, {"kp": kp, "mdata": other})
    pd.testing.assert_frame_equal(get.de_df(other), get.de_df(citeseq))


def test_plan_predicts_what_is_written(citeseq):
    call = CALL | {"use_rep": "joint", "sample_key": "Replicate"}
    plan = kp.pp.plan(citeseq, "de", **call)
    assert "kompot" not in citeseq["rna"].uns
    tl.de(citeseq, **call)
    table = RunInfo(citeseq).fields
    assert {(slot, key) for slot, key, _ in plan.fields} == set(
        zip(table["mod"] + "." + table["slot"], table["key"], strict=True)
    )
    assert any("prot: " in note for note in plan.notes)
    assert kp.pp.plan(citeseq, "de", **call).fields[0][2] == "OVERWRITES run 0"
    # the second modality adds little to the first
    only = kp.pp.plan(citeseq, "de", **call, mod="rna")
    assert only.peak_memory < plan.peak_memory < 1.5 * only.peak_memory


def test_layers_on_disk(citeseq, tmp_path):
    storage = StorageSettings(layers="disk", directory=tmp_path)
    tl.de(citeseq, **CALL, use_rep="joint", test=FAST, storage=storage)
    for mod in ("rna", "prot"):
        found = np.asarray(citeseq[mod].layers[f"{K}_fold_change"])
        np.testing.assert_allclose(found, get.layer(citeseq, "fold_change", mod=mod), rtol=1e-5)


def test_anndata_has_no_modalities(adata):
    with pytest.raises(TypeError, match="`mod='rna'` names a modality of a MuData, but `data` is an AnnData"):
        tl.de(adata, **CALL, mod="rna")
    with pytest.raises(TypeError, match="`layer` by modality"):
        tl.de(adata, **CALL, layer={"rna": None})


@pytest.mark.parametrize("axis", [0, -1])
def test_shared_feature_names_and_both_axes_shared(citeseq, axis):
    """Two measurements of the same features: results of each are in its modality, by hand the same."""
    names = citeseq["rna"].var_names[:14]
    parts = {mod: citeseq[mod][:, :14].copy() for mod in ("rna", "prot")}
    for own in parts.values():
        own.var_names = names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # mudata's, of names that are not unique
        shared = md.MuData(parts, axis=axis)
    for name in ("Age", "Replicate", "celltype"):
        shared.obs[name] = citeseq.obs[name]
    shared.obsm["X_joint"] = citeseq.obsm["X_joint"]
    call = CALL | {"use_rep": "X_joint", "test": TestSettings(null_genes=20)}
    expected = {mod: by_hand(shared, mod) for mod in parts}
    for own in expected.values():
        tl.de(own, **call)
    tl.de(shared, **call, mod="prot")
    assert_same(shared["prot"], expected["prot"])
    assert not [key for key in shared["rna"].var if key.startswith("kompot")]
    tl.de(shared, **call, key_added="both")
    for mod, own in expected.items():
        for key in ("mahalanobis", "mean_lfc"):
            found = shared[mod].var[f"both_Young_to_Old_{key}"]
            np.testing.assert_allclose(found, own.var[f"{K}_{key}"], rtol=1e-5, atol=1e-6)
    # one of them is named, and both are meant by the name alone
    tl.de(shared, **call, genes=[f"rna:{names[0]}"], key_added="one")
    assert "one_Young_to_Old_mean_lfc" in shared["rna"].var
    assert "one_Young_to_Old_mean_lfc" not in shared["prot"].var
    tl.de(shared, **call, genes=[names[0]], key_added="two")
    for mod, own in expected.items():
        found = shared[mod].var["two_Young_to_Old_mean_lfc"]
        assert found.iloc[0] == pytest.approx(own.var[f"{K}_mean_lfc"].iloc[0], rel=1e-5)
        assert found.iloc[1:].isna().all()
    assert set(shared.obs) == {"Age", "Replicate", "celltype"}


def test_an_emptied_modality(citeseq, unchanged):
    empty = md.MuData({"rna": citeseq["rna"].copy(), "prot": citeseq["prot"][:, :0].copy()})
    for name in ("Age", "Replicate"):
        empty.obs[name] = citeseq.obs[name]
    empty.obsm["X_joint"] = citeseq.obsm["X_joint"]
    for tool, call in ((tl.de, CALL), (tl.smooth, {})):
        with (
            unchanged(empty),
            pytest.raises(ValueError, match="no genes to analyse.*leave such a modality out") as caught,
        ):
            tool(empty, **call, use_rep="X_joint")
        assert "'prot'" in caught.value.__notes__[0]
