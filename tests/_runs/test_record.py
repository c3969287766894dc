"""What another program, a later version or an accident left in uns is told in one sentence, and does not stop analyses."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from anndata import AnnData
from mudata import MuData

import kompot_scverse as kp
from kompot_scverse._results import store
from kompot_scverse._runs.record import read_records

DA = {"groupby": "Age", "reference": "Young", "groups": "Old"}


@pytest.fixture(scope="module")
def done() -> AnnData:
    """Runs 0 (abundance) and 1 (expression)."""
    adata = kp.datasets.simulate(240, 12, rng=0)
    kp.tl.da(adata, **DA)
    kp.tl.de(adata, **DA, layer="logged_counts", test=kp.TestSettings(null_genes=0))
    return adata


def _run(change: Callable[[dict], object]) -> Callable[[dict], dict]:
    """Damage run 1."""

    def damage(stored: dict) -> dict:
        record = json.loads(stored["runs"]["1"])
        change(record)
        return stored | {"runs": stored["runs"] | {"1": json.dumps(record)}}

    return damage


DAMAGE: dict[str, tuple[Callable[[dict], Any], str]] = {
    "list": (lambda stored: [1, 2], "of type list"),
    "array": (lambda stored: np.arange(3), "of type ndarray"),
    "text": (lambda stored: "mine", "of type str"),
    "foreign": (lambda stored: {"version": "0.8"}, "no entry 'schema_version'"),
    "no runs": (lambda stored: {"schema_version": 1}, "no entry 'runs'"),
    "later": (lambda stored: stored | {"schema_version": 99}, "newer version of kompot-scverse"),
    "version": (lambda stored: stored | {"schema_version": "new"}, "schema version is 'new'"),
    "runs": (lambda stored: stored | {"runs": ["a"]}, "its runs are of type list"),
    "number": (lambda stored: stored | {"runs": stored["runs"] | {"1": 5}}, "run '1' is int"),
    "json": (lambda stored: stored | {"runs": stored["runs"] | {"1": '{"run_id": 1,'}}, "run '1' is not valid JSON"),
    "deep": (lambda stored: stored | {"runs": stored["runs"] | {"1": "[" * 20_000}}, "run '1' is not valid JSON"),
    "name": (lambda stored: stored | {"runs": stored["runs"] | {"x": stored["runs"]["1"]}}, "run 'x' has no number"),
    "other": (_run(lambda record: record.update(run_id=7)), "says that it is run 7"),
    "missing": (_run(lambda record: record.pop("fields")), "has no 'fields'"),
    "type": (_run(lambda record: record.update(key_added=3)), "has 3 as its 'key_added'"),
    "bool": (_run(lambda record: record.update(run_id=True)), "has True as its 'run_id'"),
    "contrast": (_run(lambda record: record["contrast"].pop("group")), "no 'group' in its contrast"),
    "entry": (_run(lambda record: record["fields"].append("x")), "a field that is none"),
    "slot": (_run(lambda record: record["fields"][0].update(slot="__class__")), "a field without a place"),
    "count": (_run(lambda record: record["summary"].update(n_de="many")), "has 'many' as its 'n_de'"),
    "cells": (
        _run(lambda record: record["cells"].update(conditions={"Old": "few"})),
        "has 'few' as its 'cells of Old'",
    ),
}
READERS: dict[str, Callable[[AnnData], object]] = {
    "runs": kp.get.runs,
    "RunInfo": lambda adata: kp.RunInfo(adata, analysis=None),
    "de_df": kp.get.de_df,
    "da_df": kp.get.da_df,
    "layer": lambda adata: kp.get.layer(adata, "fold_change"),
    "cleanup": kp.tl.cleanup,
    "restore_layers": kp.tl.restore_layers,
    "rank_genes_groups": kp.tl.rank_genes_groups,
    "volcano_de": kp.pl.volcano_de,
    "volcano_da": kp.pl.volcano_da,
    "embedding": lambda adata: kp.pl.embedding(adata, "umap", color="lfc_zscore", analysis="da"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_says_what_is_wrong(done: AnnData, damage: str, reader: str) -> None:
    make, text = DAMAGE[damage]
    adata = done.copy()
    adata.uns["kompot"] = make(adata.uns["kompot"])
    with pytest.raises(ValueError, match=rf"The runs in uns\['kompot'\] cannot be read: .*{text}"):
        READERS[reader](adata)


@pytest.mark.parametrize("damage", DAMAGE)
def test_analyses_go_on(done: AnnData, damage: str) -> None:
    make, text = DAMAGE[damage]
    adata = done.copy()
    stored = adata.uns["kompot"] = make(adata.uns["kompot"])
    readable = list(read_records(stored)[0])
    with pytest.warns(
        UserWarning, match=rf"cannot be read as a record of runs .*{text}.*now uns\['kompot_unreadable'\]"
    ):
        kp.tl.da(adata, **DA, key_added="new")
    np.testing.assert_array_equal(adata.obs["new_Young_to_Old_lfc"], done.obs["kompot_da_Young_to_Old_lfc"])
    assert adata.uns["kompot_unreadable"] is stored
    assert [str(run) for run in kp.get.runs(adata).index] == [*readable, str(int(max(readable, default="-1")) + 1)]
    for number in readable:
        assert adata.uns["kompot"]["runs"][number] == done.uns["kompot"]["runs"][number]


def test_what_is_kept_is_not_replaced_and_goes_with_a_failure(done: AnnData, monkeypatch) -> None:
    adata = done.copy()
    adata.uns["kompot"], adata.uns["kompot_unreadable"] = "mine", "older"

    def fail(*_):
        adata.uns["kompot_unreadable_2"] = "half"
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "store_runs", fail)
        with pytest.raises(KeyboardInterrupt):
            kp.tl.da(adata, **DA, overwrite=True)
    assert {key for key in adata.uns if "kompot" in key} == {"kompot", "kompot_unreadable"}
    with pytest.warns(UserWarning, match="now uns\\['kompot_unreadable_2'\\]"):
        kp.tl.da(adata, **DA, overwrite=True)
    assert (adata.uns["kompot_unreadable"], adata.uns["kompot_unreadable_2"]) == ("older", "mine")


def test_a_modality_is_named(done: AnnData) -> None:
    mdata = MuData({"rna": done.copy()})
    mdata["rna"].uns["kompot"] = {"version": 2}
    with pytest.raises(ValueError, match=r"uns\['kompot'\] of modality 'rna' cannot be read: it has no entry"):
        kp.get.runs(mdata)


def test_what_a_later_version_adds_is_left_out(done: AnnData) -> None:
    adata = done.copy()
    adata.uns["kompot"] = _run(lambda record: record.update(added={"x": 1}))(adata.uns["kompot"])
    assert kp.RunInfo(adata).run_id == 1


def test_broken_record_of_the_call(done: AnnData) -> None:
    adata = done.copy()
    adata.uns["kompot"] = _run(lambda record: record["call"].update(function="x;y"))(adata.uns["kompot"])
    assert "none of this package" in repr(kp.RunInfo(adata))
