"""Tables: numbers as a reader wants them, and whole for sorting."""

import numpy as np
import pandas as pd
import pytest
from pages import read_page

from kompot_scverse._report.tables import data_table, facts, rate

TABLE = pd.DataFrame(
    {
        "mean_lfc": [1.234, -0.5, np.nan],
        "qvalue": [1.23e-12, 0.05, np.nan],
        "n_cells": pd.array([1200, 7, pd.NA], dtype="Int64"),
        "share_up": [0.5, 1.0, np.nan],
        "where": ["B cell, 66 %", "", None],
    },
    index=pd.Index(["a", "b", "<c>"], name="gene"),
)


def shown(**options):
    page = read_page(data_table(TABLE, name="t", caption="Some & all.", titles={"qvalue": "q"}, **options))
    return page, page.tables["t"]


def test_values_are_written_by_their_kind():
    page, rows = shown()
    assert rows == [
        ["gene", "mean lfc", "q", "n cells", "share up", "where"],
        ["a", "+1.23", "1.2e-12", "1,200", "50 %", "B cell, 66 %"],
        ["b", "−0.50", "0.05", "7", "100 %", ""],
        ["<c>", "", "", "", "", ""],
    ]
    assert page.texts["p"] == ["Some & all."]
    assert page.values("td", "data-v") == [
        "1.234",
        "1.23e-12",
        "1200.0",
        "0.5",
        "-0.5",
        "0.05",
        "7.0",
        "1.0",
        *[""] * 5,
    ]


def test_first_click_shows_what_matters():
    page, _ = shown()
    assert page.values("th", "data-first") == [
        "ascending",
        "descending",
        "ascending",
        "descending",
        "descending",
        "ascending",
    ]


def test_bars_and_weak_rows():
    page, _ = shown(bar="n_cells", weak=np.array([False, True, False]))
    assert page.values("span", "style") == ["width:100.0%", "width:0.6%"]
    assert page.values("tr", "class") == ["weak"]


def test_columns_of_one_name_as_the_index():
    table = pd.DataFrame({"sample": ["x"]}, index=pd.Index([1], name="the sample"))
    page = read_page(data_table(table, name="t", caption="", titles={"the sample": "sample"}))
    assert page.tables["t"] == [["sample", "sample"], ["1", "x"]]


@pytest.mark.parametrize(("value", "text"), [(0.0, "<1e-300"), (1e-5, "1e-5"), (0.04321, "0.043"), (1.0, "1")])
def test_rates_have_two_digits(value, text):
    assert rate(value) == text


def test_facts_are_escaped():
    assert read_page(facts({"rank": "<5"})).texts == {"th": ["rank"], "td": ["<5"]}
