"""Categories that get statistics of their own: their names in the columns of a table in a file."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from kompot_scverse._data.cell_groups import category_names, group_column
from kompot_scverse._keys import LONGEST


def data(*labels: str) -> AnnData:
    index = [f"cell{number}" for number in range(len(labels))]
    return AnnData(np.ones((len(labels), 1)), obs=pd.DataFrame({"type": pd.Categorical(labels)}, index=index))


def test_without_a_column_there_are_no_categories():
    assert group_column(data("a"), None) is None


def test_categories_are_named_as_columns_of_a_file():
    adata = data("B/NK", "T cell")
    assert category_names(adata, group_column(adata, "type")) == ["B_NK", "T cell"]


def test_categories_of_one_name_or_of_too_long_a_name_are_errors():
    with pytest.raises(ValueError, match=r"Several categories of obs\['type'\] .* would be named 'B_NK'"):
        group_column(data("B/NK", "B_NK"), "type")
    with pytest.raises(ValueError, match=f"at most {LONGEST} bytes; rename it"):
        group_column(data("a" * (LONGEST + 1)), "type")
    assert len(group_column(data("a" * LONGEST), "type")) == 1
