"""A function of row blocks sees every cell that takes part once."""

import threading
from contextlib import nullcontext
from dataclasses import dataclass, field

import dask.array as da
import numpy as np
import pytest

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp import parallel, row_tasks
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


@dataclass
class Disk:
    """Ten rows that are read by twos; that a second read has begun is noted."""

    shape = (10, 1)
    chunks = tuple((start, start + 2) for start in range(0, 10, 2))
    movable = False
    begun: list = field(default_factory=list)
    second: threading.Event = field(default_factory=threading.Event)
    broken: int = -1

    def read(self, rows):
        self.begun.append(rows.start)
        if len(self.begun) == 2:
            self.second.set()
        if rows.start == self.broken:
            raise OSError("broken")
        return np.arange(rows.start, rows.stop)[:, None]


def test_one_block_is_read_while_another_is_computed_on_a_single_core(monkeypatch):
    monkeypatch.setattr(parallel, "CPU_COUNT", 1)

    def waits_for_another(disk, rows):
        values = disk.read(rows)
        assert disk.second.wait(20)
        return [int(values.sum())]

    assert sum(map_rows(Disk(), np.zeros(10, dtype=int), waits_for_another, (), list.__add__)) == 45


def test_an_error_of_a_file_is_raised_and_no_thread_stays():
    before = threading.active_count()
    with pytest.raises(OSError, match="broken"):
        map_rows(Disk(broken=6), np.zeros(10, dtype=int), lambda y, rows: [y.read(rows)], (), list.__add__)
    assert threading.active_count() == before
