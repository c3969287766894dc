"""Variables of the samples, and cells that disagree."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from kompot_scverse._data.sample_table import is_number, sample_table, warn_of_codes

CODES = np.array([-1, 0, 1, 0, 1, 2, -1])
SAMPLES = ["a", "b", "c"]


def make(**columns) -> AnnData:
    return AnnData(obs=pd.DataFrame(columns, index=[f"c{n}" for n in range(7)]))


def test_kinds_of_variables():
    adata = make(
        age=[0, 3.5, 2, 3.5, 2, 1, 0],
        day=[0, 3, 2, 3, 2, 1, 0],
        stage=pd.Categorical(["z", "late", "early", "late", "early", "early", "z"], categories=["early", "late", "z"]),
        sex=list("xfmfmmx"),
        treated=[True, False, True, False, True, True, False],
    )
    table = sample_table(adata, list(adata.obs), CODES, SAMPLES, "formula")
    assert [str(kind) for kind in table.dtypes] == ["float64", "int64", "category", "category", "category"]
    assert table["age"].tolist() == [3.5, 2, 1]
    assert table["stage"].cat.categories.to_list() == ["early", "late"]
    assert table["treated"].tolist() == ["False", "True", "True"]
    assert [is_number(table[name]) for name in table] == [True, True, False, False, False]


def test_cells_that_differ_are_named():
    adata = make(age=[0, 3, 2, 4, 2, 1, 0])
    with pytest.raises(ValueError, match=r"varies within sample 'a': it is 3 in cell 'c1' and 4 in 'c3'.*finer"):
        sample_table(adata, ["age"], CODES, SAMPLES, "formula")


def test_missing_and_infinite_values_name_the_samples():
    with pytest.raises(ValueError, match=r"obs\['age'\] \(`formula`\) is missing for cells of samples 'b', 'c'"):
        sample_table(make(age=[np.nan, 3, 2, 3, np.nan, np.nan, 0]), ["age"], CODES, SAMPLES, "formula")
    with pytest.raises(ValueError, match="infinite for sample 'c'"):
        sample_table(make(age=[0, 3, 2, 3, 2, np.inf, 0]), ["age"], CODES, SAMPLES, "formula")


def test_numbers_with_few_values_may_be_categories():
    table = pd.DataFrame({"day": np.tile([0, 3, 7], 4), "age": np.arange(12) + 30, "dose": np.tile([0.5, 1, 2], 4)})
    with pytest.warns(
        UserWarning, match=r"obs\['day'\] \(`formula`\) has 3 whole-number values \(0, 3, 7\).*C\(day\)"
    ) as caught:
        warn_of_codes(table, table, 12, "formula", "write C({})".format)
    assert len(caught) == 1
