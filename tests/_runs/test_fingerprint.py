"""A fingerprint is the same for equal data in any container, and another for any other."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from kompot_scverse._runs.fingerprint import array_print, labels_print, matrix_print

CELLS = np.arange(60) % 4 > 0
NAMES = [f"g{i}" for i in range(25)]
Y = np.where(np.random.default_rng(0).random((60, 25)) < 0.4, np.random.default_rng(1).random((60, 25)), 0).astype("f4")
PRINT = "9667e36b6e668262812a"


def _with_stored_zeros(y: np.ndarray) -> sp.csr_matrix:
    full = sp.csr_matrix(np.ones_like(y))
    full.data = y.ravel()
    return full


@pytest.mark.parametrize(
    "container",
    [
        np.array, np.asfortranarray, np.float64, sp.csr_matrix, sp.csc_matrix, sp.csr_array, sp.csc_array, _with_stored_zeros,
        lambda y: da.from_array(y, chunks=(7, 9)), lambda y: da.from_array(y, chunks=(31, 25)).map_blocks(sp.csr_matrix),
    ],
    ids=["dense", "columns first", "double", "csr_matrix", "csc_matrix", "csr_array", "csc_array", "stored zeros", "dask dense", "dask csr"],
)  # fmt: skip
def test_any_container_has_the_same_print(container) -> None:
    assert matrix_print(container(Y), CELLS, NAMES) == PRINT


def test_other_cells_do_not_count() -> None:
    other = Y.copy()
    other[~CELLS] = 9
    assert matrix_print(other, CELLS, NAMES) == PRINT
    assert matrix_print(Y[CELLS], CELLS[CELLS], NAMES) == PRINT


def test_every_change_is_noticed() -> None:
    changed = []
    for change in ("value", "sign", "last digit", "swap cells", "swap genes", "move", "zero"):
        y = Y.copy()
        row, column = np.argwhere((y > 0) & CELLS[:, None])[5]
        if change == "swap cells":
            y[[1, 2]] = y[[2, 1]]
        elif change == "swap genes":
            y[:, [3, 4]] = y[:, [4, 3]]
        elif change == "move":
            y[row, (column + 1) % 25], y[row, column] = y[row, column], y[row, (column + 1) % 25]
        else:
            value = y[row, column]
            new = {"value": 3.0, "sign": -value, "last digit": np.nextafter(value, np.float32(9)), "zero": 0.0}
            y[row, column] = new[change]
        changed.append(matrix_print(sp.csr_matrix(y), CELLS, NAMES))
    changed += [matrix_print(Y, CELLS, NAMES[::-1]), matrix_print(Y, ~CELLS, NAMES)]
    assert len({PRINT, *changed}) == len(changed) + 1


def test_arrays_and_labels() -> None:
    x = np.arange(6.0).reshape(3, 2)
    assert array_print(x) == array_print(np.asfortranarray(x.astype("f4"))) != array_print(x.T)
    labels = pd.Series(["b", "a", None, "b"], dtype="category")
    assert labels_print(labels) == labels_print(labels.cat.add_categories("c").cat.reorder_categories(["c", "b", "a"]))
    others = (["b", "a", "b", None], ["a", "b", None, "a"], ["b", "a", "missing", "b"], ["b", "a", "", "b"])
    prints = {labels_print(pd.Series(other, dtype="category")) for other in others}
    assert len(prints | {labels_print(labels)}) == 5
