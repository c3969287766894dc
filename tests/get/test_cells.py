"""Cells by name, number or mask."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from kompot_scverse.get._cells import cell_numbers


@pytest.fixture
def cells() -> AnnData:
    return AnnData(np.zeros((4, 1)), obs=pd.DataFrame({"kept": [True, False, True, False]}, index=list("abcd")))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("c", [2]),
        (["c", "a", "c"], [2, 0, 2]),
        ([3, -4], [3, -4]),
        (np.array([True, False, False, True]), [0, 3]),
        ("kept", [0, 2]),
        (pd.Index(["d", "b"]), [3, 1]),
    ],
)
def test_numbers_in_the_order_asked_for(cells: AnnData, given: object, expected: list[int]) -> None:
    np.testing.assert_array_equal(cell_numbers(cells, given), expected)


def test_none_is_all(cells: AnnData) -> None:
    assert cell_numbers(cells, None) == slice(None)


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        (["a", "x"], KeyError, "'x'"),
        ([4], IndexError, "numbers from 4 to 4; there are 4 cells"),
        ([-5], IndexError, "from -5"),
        ([], ValueError, "selects no cells"),
        (np.array([True, False]), ValueError, "cells"),
    ],
)
def test_what_is_not_there(cells: AnnData, given: object, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        cell_numbers(cells, given)


def test_names_that_are_not_unique_need_numbers(cells: AnnData) -> None:
    cells.obs_names = ["a", "a", "b", "c"]
    with pytest.raises(ValueError, match="not unique"):
        cell_numbers(cells, ["a"])
    np.testing.assert_array_equal(cell_numbers(cells, [1]), [1])
