"""Covariates of the samples: numbers, categories, and what is neither."""

import datetime

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from kompot_scverse._data.covariates import sample_covariates
from kompot_scverse._data.design import resolve_design
from kompot_scverse._data.sample_table import warn_of_codes

DONORS = list("abcdefgh")


@pytest.fixture
def adata() -> AnnData:
    """Eight donors in two conditions, ten cells each."""
    rows = [("ctrl" if donor < "e" else "stim", donor) for donor in DONORS for _ in range(10)]
    return AnnData(obs=pd.DataFrame(rows, columns=["condition", "donor"], index=[str(n) for n in range(80)]))


def table(adata, values, dtype=None):
    adata.obs["x"] = pd.Series(np.repeat(np.array(values, dtype=object), 10), index=adata.obs_names).infer_objects()
    adata.obs["x"] = adata.obs["x"] if dtype is None else adata.obs["x"].astype(dtype)
    design = resolve_design(adata, "condition", reference="ctrl", groups="stim", sample_key="donor")
    found = sample_covariates(adata, design, ["x"])
    warn_of_codes(found, found.select_dtypes(np.float64), 8, "covariates", "make them a category: {}".format)
    return found["x"]


@pytest.mark.parametrize("values", [[1, 2, 3, 1, 2, 3, 1, 2], [7, 8, 9, 10, 7, 8, 9, 10], [10, 40, 90] * 2 + [10, 40]])
@pytest.mark.parametrize("dtype", [int, float])
def test_codes_used_as_a_number(adata, values, dtype):
    expected = rf"obs\['x'\] .* has {len(set(values))} whole-number values \({min(values)}, .* make them a category"
    with pytest.warns(UserWarning, match=expected):
        found = table(adata, values, dtype)
    np.testing.assert_array_equal(found, np.array(values, dtype=float))
    # as the warning says
    assert table(adata, values, "category").tolist() == [str(value) for value in values]


@pytest.mark.parametrize(
    "values",
    [[0, 1] * 4, [31, 45, 62, 58, 39, 70, 44, 51], [0.5, 1.5, 2.5, 0.5] * 2, [1, 2, 3.5, 1] * 2, list(range(0, 24, 3))],
)
def test_numbers_stay_numbers(adata, values):
    np.testing.assert_array_equal(table(adata, values), np.array(values, dtype=float))


def test_infinite_numbers(adata):
    with pytest.raises(ValueError, match=r"obs\['x'\] \(`covariates`\) is infinite for sample 'c'"):
        table(adata, [0.1, 0.2, np.inf, 0.3, 0.4, 0.5, 0.6, 0.7])


@pytest.mark.parametrize("kind", [datetime.date, datetime.datetime, pd.Timestamp, np.datetime64, pd.Period])
def test_dates_are_no_covariates(adata, kind):
    text = [f"2024-01-{day:02d}" for day in range(1, 9)]
    if kind is pd.Period:
        dates = list(pd.period_range("2024-01-01", periods=8, freq="D"))
    else:
        dates = [kind.fromisoformat(day) if hasattr(kind, "fromisoformat") else kind(day) for day in text]
    with pytest.raises(
        TypeError, match="holds dates or times. Make them numbers, such as days since the first, or a category"
    ):
        table(adata, dates)
    assert table(adata, dates, str).nunique() == 8


def test_complex_numbers(adata):
    with pytest.raises(TypeError, match="complex"):
        table(adata, [1 + 1j * n for n in range(8)])
