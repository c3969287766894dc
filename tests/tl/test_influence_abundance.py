"""Influence of samples on abundance: what one sample makes is gone without it."""

import importlib
import logging

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData

import kompot_scverse as kp

ARGUMENTS = {"reference": "a", "groups": "b", "sample_key": "sample", "use_rep": "X_pca"}
K = "kompot_da_a_to_b"


def study() -> AnnData:
    """Six against six samples: one type doubles in all of b, and another in s11 alone is tenfold."""
    rng = np.random.default_rng(0)
    codes, late = np.repeat(np.arange(12), 100), np.arange(12) >= 6
    shares = np.tile([0.4, 0.3, 0.25, 0.05], (12, 1)) * rng.lognormal(0, 0.1, (12, 4))
    shares[late, 0] *= 2.5
    shares[11, 3] *= 10
    shares /= shares.sum(axis=1, keepdims=True)
    kind = (rng.uniform(size=len(codes))[:, None] > shares.cumsum(axis=1)[codes]).sum(axis=1).clip(0, 3)
    obs = {
        "condition": pd.Categorical(np.where(late, "b", "a")[codes]),
        "sample": pd.Categorical([f"s{code:02}" for code in codes]),
        "kind": pd.Categorical([f"k{one}" for one in kind]),
    }
    found = AnnData(np.ones((len(codes), 2)), obs=pd.DataFrame(obs, index=[f"c{i}" for i in range(len(codes))]))
    found.obsm["X_pca"] = 6.0 * np.eye(4)[kind] + rng.normal(size=(len(codes), 4))
    return found


@pytest.fixture(scope="module")
def asked() -> AnnData:
    adata = study()
    kp.tl.da(adata, "condition", test=kp.TestSettings(n_neighborhoods=8), **ARGUMENTS)
    kp.tl.regions(adata)
    kp.tl.influence(adata, analysis="da")
    return adata


def test_what_all_samples_share_stays(asked):
    table = kp.get.influence(asked, analysis="da")
    assert table.index.sort_values().to_list() == [f"s{number:02}" for number in range(12)]
    called = asked.obs[f"{K}_lfc_direction_sample_var"].isin(["up", "down"])
    assert called[asked.obs["kind"] == "k0"].mean() > 0.9
    assert table["n_lost"].max() < 0.5 * called.sum()
    region = kp.get.influence(asked, analysis="da", region="up 1")
    assert (region["lfc"] > 0.4).all()
    assert region["share_called"].min() > 0.8


def test_the_sample_that_makes_a_change_is_named(asked):
    own = asked.obs[asked.obs["kind"] == "k3"]
    assert own[f"{K}_influence_sample"].value_counts(normalize=True)["s11"] > 0.6
    without = own[f"{K}_influence_qvalue"]
    assert without.notna().all()
    assert "influence" in kp.RunInfo(asked).call()


def test_calls_that_rest_on_one_sample_are_said(asked, caplog, monkeypatch):
    monkeypatch.setattr(importlib.import_module("kompot_scverse.tl.influence"), "MUCH", -1.0)
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        kp.tl.influence(asked, analysis="da")
    said = [record.getMessage() for record in caplog.records if "called cells rest on" in record.getMessage()]
    assert len(said) == 12


def test_of_a_modality_and_what_has_no_meaning(asked):
    mdata = MuData({"rna": study()})
    for name in ("condition", "sample"):
        mdata.obs[name] = mdata["rna"].obs[name]
    mdata.obsm["X_pca"] = mdata["rna"].obsm["X_pca"]
    kp.tl.da(mdata, "condition", **ARGUMENTS)
    kp.tl.influence(mdata, analysis="da")
    assert len(kp.get.influence(mdata, analysis="da")) == 12
    with pytest.raises(LookupError, match=r"kp\.tl\.regions"):
        kp.get.influence(mdata, analysis="da", region="up 1")
    with pytest.raises(KeyError, match="up 9"):
        kp.get.influence(asked, analysis="da", region="up 9")
    with pytest.raises(ValueError, match="no meaning"):
        kp.tl.influence(asked, analysis="da", genes=["0"])
    with pytest.raises(ValueError, match="name a `region=`"):
        kp.get.influence(asked, "0", analysis="da")
    with pytest.raises(ValueError, match='pass `analysis="da"`'):
        kp.get.influence(asked, region="up 1")
    fresh = study()
    kp.tl.da(fresh, "condition", reference="a", groups="b", use_rep="X_pca")
    with pytest.raises(LookupError, match="sample_key"):
        kp.tl.influence(fresh, analysis="da")
