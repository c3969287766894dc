"""Influence of samples: what one sample makes is gone without it."""

import importlib
import logging

import numpy as np
import pytest
from anndata import AnnData
from mudata import MuData
from planted import planted

import kompot_scverse as kp

ARGUMENTS = {"reference": "early", "groups": "late", "sample_key": "sample", "use_rep": "X_pca"}
K = "kompot_de_early_to_late"
ALONE, MADE = "s6", [f"gene{number}" for number in range(50, 56)]
"""A sample, and the genes that it alone raises."""


def study() -> AnnData:
    adata, _ = planted(n_cells=480)
    adata = adata[:, :60].copy()
    rows = np.flatnonzero(adata.obs["sample"] == ALONE)
    adata.X[np.ix_(rows, range(50, 56))] += 1.5
    return adata


@pytest.fixture(scope="module")
def asked_once() -> AnnData:
    adata = study()
    kp.tl.de(adata, "time", test=kp.TestSettings(n_neighborhoods=6), **ARGUMENTS)
    kp.tl.influence(adata, genes=[*adata.var_names[:16], *MADE])
    return adata


@pytest.fixture
def asked(asked_once) -> AnnData:
    return asked_once.copy()


def test_what_one_sample_makes_is_gone_without_it(asked):
    without = asked.varm[f"{K}_without_lfc"].loc[MADE]
    assert without.drop(columns=ALONE).mean().min() > 0.25
    assert abs(without[ALONE].mean()) < 0.1
    table = kp.get.influence(asked, MADE[0])
    assert table.index.to_list() == ["", *(f"s{number}" for number in range(8))]
    assert table["pvalue"].iloc[0] == asked.var.loc[MADE[0], f"{K}_pvalue"]


def test_what_all_samples_share_stays(asked):
    first = asked.var_names[:16]
    full = asked.var.loc[first, f"{K}_region_lfc"].to_numpy()[:, None]
    without = asked.varm[f"{K}_without_lfc"].loc[first].to_numpy()
    assert (np.abs(without - full) < 0.5 * np.abs(full)).mean() > 0.9


def test_the_table_of_genes_names_the_sample_that_changes_most(asked):
    table = kp.get.de_df(asked, influence=True, sort=False)
    pvalue = asked.varm[f"{K}_without_pvalue"]
    for gene in (asked.var_names[3], MADE[1]):
        change = np.abs(np.log(pvalue.loc[gene]) - np.log(table.loc[gene, "pvalue"]))
        assert table.loc[gene, "influence_sample"] == change.idxmax()
        assert table.loc[gene, "influence_pvalue"] == pvalue.loc[gene, change.idxmax()]
    assert table["influence_sample"].isna().sum() == 60 - 22
    assert "influence_sample" not in kp.get.de_df(asked)


def test_calls_that_are_lost_are_counted_and_said(asked, caplog, monkeypatch):
    monkeypatch.setattr(importlib.import_module("kompot_scverse.tl.influence"), "MUCH", -1.0)
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        kp.tl.influence(asked)
    table = kp.get.influence(asked)
    called = asked.var[f"{K}_is_de_sample_var"].to_numpy()
    p, weight = (asked.var.loc[called, f"{K}_{name}"] for name in ("pvalue", "weight"))
    threshold = (p / weight).max() * weight
    lost = ~asked.varm[f"{K}_without_pvalue"][called].le(threshold, axis=0)
    assert table["n_lost"].to_dict() == lost.sum().to_dict()
    assert table["n_resting"].sum() == (lost.sum(axis=1) == 1).sum()
    said = [record.getMessage() for record in caplog.records if "called genes rest on" in record.getMessage()]
    assert len(said) == 8
    assert any(
        f"{table['n_resting'].iloc[0]} of {called.sum()} called genes rest on {table.index[0]}" in one for one in said
    )


def test_donors_are_left_out_with_all_samples(caplog):
    adata = study()
    adata.obs["donor"] = [f"d{int(name[1:]) % 4}" for name in adata.obs["sample"]]
    kp.tl.de(adata, "time", **(ARGUMENTS | {"sample_key": "donor"}), paired=True)
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        kp.tl.influence(adata, genes=["gene0"])
    assert kp.get.influence(adata, "gene0").index.to_list() == ["", "d0", "d1", "d2", "d3"]
    assert not [record for record in caplog.records if "gives other p-values" in record.getMessage()]


def test_of_a_formula_and_of_a_modality():
    adata = study()
    mdata = MuData({"rna": adata[:, :40].copy(), "prot": adata[:, 40:].copy()})
    for name in ("time", "sample"):
        mdata.obs[name] = adata.obs[name]
    mdata.obsm["X_pca"] = adata.obsm["X_pca"]
    kp.tl.de(mdata, kp.Design("~ time", test="time"), sample_key="sample", use_rep="X_pca")
    kp.tl.influence(mdata, mod="rna", genes=["gene1"])
    table = kp.get.influence(mdata, "gene1", mod="rna")
    assert len(table) == 9
    assert (table["lfc"] > 0.2).all()
    assert not [name for name in mdata["prot"].varm if "without" in name]
    # without `mod`, the modality is that of the genes
    kp.tl.influence(mdata, genes=["gene1"])
    np.testing.assert_array_equal(kp.get.influence(mdata, "gene1")[["lfc", "pvalue"]], table)
    assert kp.get.influence(mdata)["mod"].unique().tolist() == ["rna"]
    assert not [name for name in mdata["prot"].varm if "without" in name]


def test_changed_data_are_said_and_what_cannot_be(asked, caplog):
    asked.X[:, :16] = np.random.default_rng(0).permuted(asked.X[:, :16], axis=0)
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        kp.tl.influence(asked, genes=list(asked.var_names[:16]))
    assert any("gives other p-values" in record.getMessage() for record in caplog.records)
    fresh = study()
    kp.tl.de(fresh, "time", **ARGUMENTS)
    with pytest.raises(LookupError, match=r"No influence .*kp\.tl\.influence"):
        kp.get.influence(fresh)
    with pytest.raises(LookupError, match=r"kp\.tl\.influence"):
        kp.get.de_df(fresh, influence=True)
    kp.tl.de(fresh, "time", reference="early", groups="late", use_rep="X_pca", key_added="cells")
    with pytest.raises(LookupError, match="sample_key"):
        kp.tl.influence(fresh)
