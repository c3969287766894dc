"""The tables of what single samples decide."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

import kompot_scverse as kp

FOUND = {"n_lost": {"s1": 1, "s2": 4, "s3": 2}, "n_resting": {"s1": 0, "s2": 7, "s3": 7}}


@pytest.fixture
def adata() -> AnnData:
    data = AnnData(np.zeros((4, 2)), var=pd.DataFrame(index=["g0", "g1"]))
    tables = {
        f"without_{name}": pd.DataFrame({"s1": [1.0, 2.0], "s2": [3.0, 4.0]}, index=data.var_names) + shift
        for name, shift in (("lfc", 0), ("pvalue", 10))
    }
    add_run(
        data, summary={"influence": FOUND}, varm=tables,
        var={"region_lfc": np.array([0.5, 0.6]), "pvalue": np.array([0.01, 0.02])},
    )  # fmt: skip
    return data


def test_samples_by_what_rests_on_them(adata: AnnData) -> None:
    found = kp.get.influence(adata)
    assert found.index.to_list() == ["s2", "s3", "s1"]
    assert found["n_lost"].to_list() == [4, 2, 1]


def test_one_gene_with_all_samples_and_without_each(adata: AnnData) -> None:
    found = kp.get.influence(adata, "g1")
    assert found.to_dict("index") == {
        "": {"lfc": 0.6, "pvalue": 0.02}, "s1": {"lfc": 2.0, "pvalue": 12.0}, "s2": {"lfc": 4.0, "pvalue": 14.0},
    }  # fmt: skip


def test_runs_that_were_not_asked_say_so() -> None:
    data = AnnData(np.zeros((4, 2)))
    add_run(data, var={"mean_lfc": np.zeros(2)})
    with pytest.raises(LookupError, match=r"No influence of samples on run 0 .*kp.tl.influence"):
        kp.get.influence(data)
