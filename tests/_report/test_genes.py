"""Where each gene changes most clearly."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._report.genes import _strongest
from kompot_scverse._report.run import ReportedRun

LFC = pd.DataFrame({"B_NK": [1.0, -2.0, 0.1], "T": [0.5, 0.3, 0.2]})
Z = pd.DataFrame({"B_NK": [2.0, -5.0, np.nan], "T": [3.0, 1.0, np.nan]})
P = pd.DataFrame({"B_NK": [0.01, 0.5, np.nan], "T": [0.2, 0.001, np.nan]})


@pytest.fixture
def adata() -> AnnData:
    data = AnnData(np.zeros((2, 3)), var=pd.DataFrame(index=["a", "b", "c"]))
    data.obs["type"] = pd.Categorical(["B/NK", "T"])
    return data


def found(adata: AnnData, **tables: pd.DataFrame) -> dict:
    varm = {f"group_{name}": table.set_index(adata.var_names) for name, table in tables.items()}
    view = add_run(adata, params={"cell_groups": "type"}, var={"mean_lfc": np.zeros(3)}, varm=varm)
    return _strongest(ReportedRun(adata, view, None, None, None, 10), np.array([0, 1, 2]))


def test_by_the_p_value_where_samples_were_tested(adata: AnnData) -> None:
    result = found(adata, mean_lfc=LFC, lfc_zscore=Z, pvalue=P)
    # the category as obs names it, though a column cannot
    assert result["strongest"].tolist() == ["B/NK", "T", None]
    np.testing.assert_array_equal(result["strongest_lfc"], [1.0, 0.3, np.nan])


def test_by_z_of_either_sign_otherwise(adata: AnnData) -> None:
    result = found(adata, mean_lfc=LFC, lfc_zscore=Z)
    assert result["strongest"].tolist() == ["T", "B/NK", None]
    np.testing.assert_array_equal(result["strongest_lfc"], [0.5, -2.0, np.nan])


def test_without_categories_nothing_is_said(adata: AnnData) -> None:
    assert found(adata) == {}
