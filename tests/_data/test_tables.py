"""Columns and tables as pandas has them."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from anndata.experimental import read_lazy

from kompot_scverse._data.tables import column_of, value_of


@pytest.fixture
def data() -> AnnData:
    obs = pd.DataFrame({"type": pd.Categorical(["b", "a", "b"])}, index=list("xyz"))
    varm = {"table": pd.DataFrame({"one": [1.0, 2.0]}, index=["g", "h"])}
    return AnnData(np.ones((3, 2)), obs=obs, var=pd.DataFrame(index=["g", "h"]), varm=varm)


def test_a_column_that_is_there_twice_is_an_error():
    table = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match="var has 2 columns named 'a'; rename or drop all but one"):
        column_of(table, "a", "var")


def test_lazily_read_columns_keep_their_categories_and_tables_are_tables(data, tmp_path):
    data.write_zarr(tmp_path / "a.zarr")
    lazy = read_lazy(tmp_path / "a.zarr")
    pd.testing.assert_series_equal(value_of(lazy, "obs", "type"), data.obs["type"], check_names=False)
    found = value_of(lazy, "varm", "table")
    assert isinstance(found, pd.DataFrame)
    assert found["one"].to_list() == [1.0, 2.0]
    assert value_of(data, "varm", "table") is data.varm["table"]
