"""A function of row blocks sees every cell that takes part once."""

from contextlib import nullcontext

import dask.array as da
import numpy as np
import pytest

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp import row_tasks
from kompot_scverse._gp.row_tasks import map_rows


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("task_rows", [1, 7, 1000])
def test_every_cell_that_takes_part_is_seen_once(monkeypatch, chunked, task_rows):
    monkeypatch.setattr(row_tasks, "TASK_ROWS", task_rows)
    rng = np.random.default_rng(0)
    y, codes, numbers = rng.normal(size=(90, 4)), rng.integers(-1, 3, 90), np.arange(90)
    reader = matrix_reader(da.from_array(y, chunks=(20, 4)) if chunked else y, None, "X")

    def seen(reader, rows, codes, numbers):
        own = codes >= 0
        return [(numbers[own], reader.read(rows)[own])]

    done = []
    monkeypatch.setattr(row_tasks, "progress_bar", lambda *of: nullcontext(lambda n: done.append((n, *of))))
    found = map_rows(reader, codes, seen, (codes, numbers), list.__add__, "rows")
    cells = np.concatenate([part[0] for part in found])
    np.testing.assert_array_equal(np.sort(cells), np.flatnonzero(codes >= 0))
    np.testing.assert_array_equal(np.concatenate([part[1] for part in found]), y[cells])
    total = (codes >= 0).sum()
    assert sum(n for n, *_ in done) == total
    assert {tuple(of) for _, *of in done} == {(total, "rows", "cells")}
