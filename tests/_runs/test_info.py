"""Runs as a person sees them."""

import ast
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import kompot_scverse as kp

FEW = kp.TestSettings(null_genes=50)


@pytest.fixture(scope="module")
def done(simulated: AnnData) -> AnnData:
    """Run 0 without and run 1 with samples, runs 2 and 3 of one call, run 4 abundance."""
    adata = simulated.copy()
    kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", test=FEW)
    kp.tl.de(
        adata,
        "Age",
        reference="Young",
        groups="Old",
        layer="logged_counts",
        test=FEW,
        sample_key="Replicate",
        overwrite=True,
    )
    kp.tl.de(adata, "Age", reference="Young", layer="logged_counts", test=FEW, key_added="other")
    kp.tl.da(adata, "Age", reference="Young", groups="Old")
    return adata


def test_attributes_are_those_of_the_run(done: AnnData) -> None:
    run = kp.RunInfo(done, 1)
    assert (run.run_id, run.analysis, run.key_added) == (1, "de", "kompot_de")
    assert run.contrast == {"groupby": "Age", "reference": "Young", "group": "Old"}
    assert run.params["use_rep"] == "DM_EigenVectors"
    assert run.summary["n_genes"] == done.n_vars
    assert run.cells["conditions"]["Young"] == (done.obs["Age"] == "Young").sum()
    assert sum(run.cells["samples"]["Old"].values()) == (done.obs["Age"] == "Old").sum()
    assert "anndata" in run.environment
    assert run.time.endswith("+00:00")


def test_default_is_last_run(done: AnnData) -> None:
    assert kp.RunInfo(done).run_id == 4
    assert kp.RunInfo(done, analysis="de").run_id == 3
    assert kp.RunInfo(done, -2).run_id == 3
    with pytest.raises(LookupError, match=r"No da run with run_id=0; existing: 4 \("):
        kp.RunInfo(done, 0, analysis="da")


def test_the_status_says_what_became_of_a_field(done: AnnData) -> None:
    adata = done.copy()
    del adata.var["kompot_de_Young_to_Old_is_de"]
    status = kp.RunInfo(adata, 0).fields.set_index("key")["status"]
    # with the same values
    assert status["kompot_de_basis"] == "present"
    assert status["kompot_de_Young_to_Old_mahalanobis"] == "present"
    assert status["kompot_de_Young_to_Old_is_de"] == "missing"


def test_runs_of_one_call_do_not_overwrite_each_other(done: AnnData) -> None:
    assert (kp.RunInfo(done, 2).fields["status"] == "present").all()


CALLS = {
    "plain": {"reference": "Young", "groups": "Old"},
    "samples": {"reference": "Young", "groups": ["Old"], "sample_key": "Replicate", "cell_groups": "celltype"},
    "settings": {
        "reference": "Young",
        "gp": kp.GPSettings(ls=np.float64(3.0), kernel="Matern32"),
        "storage": kp.StorageSettings(layers="memory"),
        "test": kp.TestSettings(null_genes=50, rng=3),
        "genes": np.array(["Gene0002", "Gene0001"]),
        "key_added": 'a "quoted" key',
    },
}


@pytest.mark.parametrize("arguments", CALLS.values(), ids=CALLS.keys())
def test_call_repeats_the_run(adata: AnnData, arguments: dict) -> None:
    fresh = adata.copy()
    kp.tl.de(adata, "Age", layer="logged_counts", **{"test": FEW} | arguments)
    text = kp.RunInfo(adata).call()
    eval(text, {"kp": kp, "adata": fresh})
    pd.testing.assert_frame_equal(fresh.var, adata.var)
    assert kp.RunInfo(fresh).params == kp.RunInfo(adata).params
    assert kp.RunInfo(fresh).call() == text


def test_call_of_abundance(adata: AnnData) -> None:
    fresh = adata.copy()
    kp.tl.da(adata, "Age", reference="Young", method="density", normalize="count", test=kp.TestSettings(min_lfc=0.5))
    eval(kp.RunInfo(adata, analysis="da").call("data"), {"kp": kp, "data": fresh})
    pd.testing.assert_frame_equal(fresh.obs, adata.obs)


def test_call_with_what_is_not_stored(adata: AnnData) -> None:
    mask = (adata.obs["celltype"] != "HSC").to_numpy()
    test = kp.TestSettings(null_genes=50, rng=np.random.default_rng(0))
    fresh = adata.copy()
    kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", mask_obs=mask, test=test)
    text = kp.RunInfo(adata).call()
    assert f"mask_obs=mask_obs,  # `mask_obs` was a boolean mask, True for {mask.sum()} of 600; not stored" in text
    eval(text, {"kp": kp, "adata": fresh, "mask_obs": mask, "rng": np.random.default_rng(0)})
    pd.testing.assert_frame_equal(fresh.var, adata.var)


def test_no_path_is_recorded(adata: AnnData, tmp_path) -> None:
    storage = kp.StorageSettings(layers="disk", directory=tmp_path)
    kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", test=FEW, storage=storage)
    assert str(tmp_path) not in adata.uns["kompot"]["runs"]["0"]
    text = kp.RunInfo(adata).call()
    assert 'kp.StorageSettings(layers="disk"),  # `directory` is not recorded' in text
    ast.parse(text)


def test_the_text_names_what_matters(done: AnnData) -> None:
    text = repr(kp.RunInfo(done, 0))
    assert text.startswith("Run 0: de, Young to Old of Age")
    for part in ("overwritten by run 1", "DM_EigenVectors", "kp.tl.de("):
        assert part in text
    assert max(map(len, text.splitlines())) < 220


class Balance(HTMLParser):
    """Collects tags that are never closed or opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_opens_parameters_and_packages_and_folds_the_fields(done: AnnData) -> None:
    text = kp.RunInfo(done, 1)._repr_html_()
    opened = re.findall(r"<details( open)?><summary[^>]*>(\w+)", text)
    assert {title: bool(state) for state, title in opened} == {
        "Cells": False, "Parameters": True, "Fields": False, "Call": False, "Packages": True,
    }  # fmt: skip


def test_warnings_are_shown_in_full(done: AnnData) -> None:
    run = kp.RunInfo(done, 0)
    (text,) = run.warnings["text"]
    shown = str(run)
    assert text in " ".join(shown[shown.index("Warnings\n") : shown.index("Fields\n")].split())
    assert f"<li>{text}</li>" in run._repr_html_()
    assert "Warnings" not in str(kp.RunInfo(done, 1))


def test_html_is_balanced_and_escaped(adata: AnnData) -> None:
    adata.obs["Age"] = adata.obs["Age"].cat.rename_categories({"Old": "<script>x</script>&"})
    kp.tl.da(adata, "Age", reference="Young", groups="<script>x</script>&", key_added="<b>")
    kp.tl.da(adata, "Age", reference="Young", groups="Mid", key_added="<i>")
    first, second = kp.RunInfo(adata, 0, analysis="da"), kp.RunInfo(adata, 1, analysis="da")
    for html in (first._repr_html_(), first.compare_with(second)._repr_html_()):
        parser = Balance()
        parser.feed(html)
        assert parser.open == []
        assert not parser.tags & {"script", "i"}
        assert "&lt;script&gt;" in html


def test_two_runs_are_compared(done: AnnData) -> None:
    compared = kp.RunInfo(done, 0).compare_with(kp.RunInfo(done, 1))
    tests = {
        "paired",
        "covariates",
        "n_neighborhoods",
        "neighborhood_width",
        "reference_genes",
        "tested_at_equal_depth",
    }
    assert set(compared.params.index) == {"sample_key", *tests}
    assert compared.params.loc["sample_key"].to_list() == [None, "Replicate"]
    assert compared.n_equal > 15
    assert compared.environment.empty
    shared = compared.shared_fields.set_index("key")
    assert (shared["last_writer"] == 1).all()
    assert "kompot_de_Young_to_Old_mean_lfc" in shared.index
    assert "kompot_de_Young_to_Old_mahalanobis" in compared.only_first["key"].to_list()
    assert "kompot_de_Young_to_Old_mahalanobis_sample_var" in compared.only_second["key"].to_list()
    assert compared.same_data
    assert "sample_key" in repr(compared)
    assert repr(kp.RunInfo(done, 0).compare_with(1)) == repr(compared)


def test_compare_with_itself_and_other_analysis(done: AnnData) -> None:
    run = kp.RunInfo(done, 0)
    assert run.compare_with(run).params.empty
    other = run.compare_with(kp.RunInfo(done, analysis="da"))
    assert other.shared_fields.empty
    assert other.params.loc["analysis"].to_list() == ["de", "da"]
    for compared in (run.compare_with(run), other):
        assert repr(compared)
        assert compared._repr_html_()
    with pytest.raises(LookupError, match="No run with run_id=99; existing: 0 "):
        run.compare_with(99)


def test_compare_between_objects(done: AnnData, adata: AnnData) -> None:
    kp.tl.de(
        adata,
        "Age",
        reference="Young",
        groups="Old",
        layer="logged_counts",
        test=FEW,
        gp=kp.GPSettings.kompot(sigma=0.5),
    )
    compared = kp.RunInfo(done, 0).compare_with(kp.RunInfo(adata))
    assert not compared.same_data
    assert "different objects" in repr(compared)
    assert compared.params.index.to_list() == ["amplitude", "sigma", "prior_variance"]
    adata.layers["logged_counts"] = adata.layers["logged_counts"] * 2
    kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", test=FEW, key_added="double")
    assert "expression (fingerprint)" in kp.RunInfo(done, 0).compare_with(kp.RunInfo(adata)).params.index
    assert set(compared.shared_fields["last_writer_of_other"]) == {0}
