"""Differential abundance and smoothing of a MuData; the witness is the same analysis of an AnnData by hand."""

import mudata as md
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse as kp
from kompot_scverse import RunInfo, get, tl

CALL = {"groupby": "Age", "reference": "Young", "groups": "Old"}
K = "kompot_da_Young_to_Old"


@pytest.fixture
def expected(adata):
    tl.da(adata, **CALL, use_rep="DM_EigenVectors", sample_key="Replicate")
    return adata.obs.filter(like="kompot_da")


def assert_columns(found, expected):
    assert set(found.filter(like="kompot_da")) == set(expected)
    for name, column in expected.items():
        values = found[name].loc[expected.index]
        if column.dtype == "category":
            assert (values == column).all()
        else:
            np.testing.assert_allclose(values, column, rtol=1e-5, atol=1e-6, err_msg=name)


def test_joint_states_write_to_the_whole(citeseq, expected):
    before = citeseq.obs.copy()
    tl.da(citeseq, **CALL, use_rep="joint", sample_key="Replicate")
    assert_columns(citeseq.obs, expected)
    pd.testing.assert_frame_equal(citeseq.obs[before.columns], before)
    for mod in ("rna", "prot"):
        assert list(citeseq[mod].obs) == []
        assert "kompot" not in citeseq[mod].uns
    run = RunInfo(citeseq, analysis="da")
    assert run.fields["slot"].unique().tolist() == ["obs"]
    assert (run.fields["status"] == "present").all()
    assert "mod" not in run.fields
    assert get.runs(citeseq)["mod"].to_list() == [""]


def test_states_of_a_modality_write_to_it(citeseq, expected):
    citeseq["rna"].obsm["X_pca"] = citeseq.obsm["X_joint"]
    before = citeseq.obs.copy()
    for use_rep, mod in (("rna:pca", None), ("X_pca", "rna"), ("X_pca", None)):
        tl.da(citeseq, **CALL, mod=mod, use_rep=use_rep, sample_key="Replicate", overwrite=True)
        assert_columns(citeseq["rna"].obs, expected)
        pd.testing.assert_frame_equal(citeseq.obs, before)
    assert get.runs(citeseq)["mod"].to_list() == ["rna"] * 3
    assert RunInfo(citeseq, analysis="da").params["use_rep"] == "rna:X_pca"
    alone = citeseq["rna"].copy()
    assert (RunInfo(alone, analysis="da").fields["status"] == "present").all()
    pd.testing.assert_frame_equal(get.da_df(alone), get.da_df(citeseq))


def test_columns_that_only_modalities_have(citeseq, expected):
    """Condition of some cells from one modality, of others from the other."""
    parts = {"rna": citeseq["rna"][:400].copy(), "prot": citeseq["prot"][100:][::-1].copy()}
    for own in parts.values():
        own.obs = citeseq.obs[["Age", "Replicate"]].reindex(own.obs_names)
    mdata = md.MuData(parts)
    states = pd.DataFrame(citeseq.obsm["X_joint"], index=citeseq.obs_names)
    mdata.obsm["X_joint"] = states.reindex(mdata.obs_names).to_numpy()
    tl.da(mdata, **CALL, use_rep="joint", sample_key="Replicate")
    assert_columns(mdata.obs, expected)
    assert set(mdata.obs) == set(expected)


def test_round_trip(citeseq, tmp_path):
    tl.da(citeseq, **CALL, use_rep="joint")
    citeseq.write(tmp_path / "data.h5mu")
    read = md.read_h5mu(tmp_path / "data.h5mu")
    pd.testing.assert_frame_equal(get.da_df(read), get.da_df(citeseq), check_names=False)
    assert RunInfo(read, analysis="da").warnings["text"].str.startswith("Without `sample_key`").tolist() == [True]
    assert (RunInfo(read, analysis="da").fields["status"] == "present").all()


def test_plan_copy_overwrite_and_call(citeseq):
    plan = kp.pp.plan(citeseq, "da", **CALL, use_rep="joint")
    done = citeseq.copy()
    tl.da(done, **CALL, use_rep="joint")
    assert "kompot" not in citeseq.uns
    assert {key for _, key, _ in plan.fields} == set(done.obs) - set(citeseq.obs)
    eval(RunInfo(done, analysis="da").call(), {"kp": kp, "mdata": done})  # the values stay as they are
    assert get.runs(done).index.to_list() == [0, 1]


def test_one_modality_only(citeseq):
    with pytest.raises(TypeError, match="`mod` must be text or None, not a list"):
        tl.da(citeseq, **CALL, use_rep="joint", mod=["rna", "prot"])


def test_smoothing_a_mudata_is_smoothing_its_modalities(citeseq, partial, adata):
    tl.smooth(citeseq, "Age", group="Old", use_rep="joint")
    for mod in ("rna", "prot"):
        expected = AnnData(citeseq[mod].X.copy(), obs=adata.obs[["Age"]].copy(), var=citeseq[mod].var[[]].copy())
        expected.obsm["X_joint"] = citeseq.obsm["X_joint"]
        tl.smooth(expected, "Age", group="Old", use_rep="joint")
        np.testing.assert_allclose(
            np.asarray(citeseq[mod].layers["kompot_smooth_Old_imputed"]),
            np.asarray(expected.layers["kompot_smooth_Old_imputed"]),
            rtol=1e-5,
        )
        assert RunInfo(citeseq, analysis="smooth", mod=mod).params == RunInfo(expected, analysis="smooth").params
    assert get.runs(citeseq)["mod"].to_list() == ["rna", "prot"]
    tl.smooth(partial, use_rep="joint", mod="prot", genes=[f"prot:{partial['prot'].var_names[0]}"])
    values = get.layer(partial, "imputed", analysis="smooth")
    assert values.shape == (560, 14)
    assert np.isfinite(values[:, 0]).all()
    assert np.isnan(values[:, 1:]).all()
    assert RunInfo(partial, analysis="smooth", mod="prot").cells["missing_in_modality"] == partial.n_obs - 560
