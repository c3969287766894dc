"""Places of results."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from mudata import MuData

from kompot_scverse._runs.field import Field


@pytest.mark.parametrize(
    ("condition", "group", "listed"),
    [(None, None, True), ("Young", None, True), ("Mid", None, False), (None, "Old", True), (None, "Mid", False)],
)
def test_a_run_lists_what_is_of_its_contrast(condition, group, listed) -> None:
    assert Field("var", "k", "s", "", condition=condition, group=group).of_contrast("Young", "Old") == listed


def test_fields_are_looked_for_where_they_go() -> None:
    parts = {name: AnnData(np.zeros((2, 1)), var=pd.DataFrame(index=[name])) for name in ("rna", "prot")}
    mdata = MuData(parts)
    mdata["rna"].obsm["k"] = np.zeros((2, 3))
    assert Field("obsm", "k", "basis", "", mod="rna").is_in(mdata)
    assert not Field("obsm", "k", "basis", "", mod="prot").is_in(mdata)
    assert not Field("obsm", "other", "basis", "", mod="rna").is_in(mdata)


def test_names_and_entries() -> None:
    field = Field("var", "k", "mean_lfc", "mean", value=np.ones(1), mod="rna")
    assert field.place == ("rna", "var", "k")
    assert field.name == "mdata['rna'].var['k']"
    assert Field("var", "k", "mean_lfc", "mean").name == "var['k']"
    assert field.entry() == {"slot": "var", "key": "k", "statistic": "mean_lfc", "description": "mean"}
