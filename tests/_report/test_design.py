"""The table of samples."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run
from pages import Page, read_page

from kompot_scverse._report.design import design
from kompot_scverse._report.run import ReportedRun

CELLS = {"conditions": {"Young": 3, "Old": 2}, "samples": {"Young": {"a": 2, "b": 1}, "Old": {"a": 2}}}


@pytest.fixture
def adata() -> AnnData:
    obs = pd.DataFrame(
        {
            "Age": ["Young", "Young", "Young", "Old", "Old"],
            "donor": ["a", "a", "b", "a", "a"],
            "sex": ["f", "f", "m", "f", "f"],
            "varies": [1, 2, 3, 4, 5],
            "same": "x",
        },
        index=list("vwxyz"),
    )
    return AnnData(np.zeros((5, 1)), obs=obs)


def page(adata: AnnData, cells: dict, **params: object) -> Page:
    view = add_run(adata, params={"sample_key": "donor"} | params, var={"mean_lfc": np.zeros(1)})
    view.run.cells.update(cells)
    return read_page(f"<main>{''.join(map(str, design([ReportedRun(adata, view, None, None, None, 10)])))}</main>")


def test_samples_of_both_conditions_with_the_columns_that_describe_them(adata: AnnData) -> None:
    found = page(adata, CELLS, paired=True, covariates=["sex"])
    head, *rows = found.tables["samples-0"]
    assert [name.strip() for name in head][:4] == ["donor", "Age", "cells", "sex"]
    assert len(head) == 4
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["a", "Young", "2", "f"], ["b", "Young", "1", "m"], ["a", "Old", "2", "f"],
    ]  # fmt: skip
    text = "".join(text for texts in found.texts.values() for text in texts)
    assert "compared with each other" in text
    assert "Held constant: sex." in text


def test_without_samples_it_says_so(adata: AnnData) -> None:
    found = page(adata, {"conditions": CELLS["conditions"]})
    assert not found.tables
    assert " No samples." in "".join(found.texts["p"])


def test_samples_that_are_not_listed_are_counted(adata: AnnData) -> None:
    found = page(adata, CELLS | {"samples_of_Old_not_listed": 7})
    assert "7 more samples are not listed." in "".join(text for texts in found.texts.values() for text in texts)
