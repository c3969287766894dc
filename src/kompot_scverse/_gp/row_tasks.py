"""A function of every block of rows of a matrix, on threads or on the workers of a cluster."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, Protocol

import dask
import numpy as np
import scipy.sparse as sp

from .in_turn import combined_there
from .over_cells import count_when_done, held_by_workers, ranges_on_workers
from .parallel import cluster_client, compute_here, in_pairs
from .points import joined, piece
from .progress import progress_bar

TASK_ROWS = 4096
"""Rows of one parallel task."""
FOLDED = 32
"""Results that are added up one after the other."""

type Rows = np.ndarray | sp.csr_array | sp.csr_matrix


class RowReader(Protocol):
    """What a pass over an expression matrix needs of it."""

    @property
    def shape(self) -> tuple[int, int]:
        """Cells × genes."""
        ...

    @property
    def chunks(self) -> Sequence[tuple[int, int]] | None:
        """Row ranges that are cheap to read, where arbitrary rows are not (disk, dask); None for memory."""
        ...

    @property
    def movable(self) -> bool:
        """Whether pieces can be sent to another process."""
        ...

    def piece(self, rows: slice | np.ndarray) -> "RowReader":
        """A reader of these rows alone, small enough to be sent."""
        ...

    def of_genes(self, columns: np.ndarray) -> "RowReader":
        """A reader of some of its genes."""
        ...

    def read(self, rows: slice | np.ndarray) -> Rows:
        """The rows as a dense array or csr, float32 or float64."""
        ...


def row_tasks(y: RowReader, codes: np.ndarray) -> Iterator[slice | np.ndarray]:
    """
    Row sets of one task each: of a single sample where rows can be picked freely, else consecutive.

    Parameters
    ----------
    y
        Matrix, cells × genes.
    codes
        Sample number of each cell, -1 for cells that take no part.
    """
    if y.chunks is not None:
        for start, stop in y.chunks:
            if (codes[start:stop] >= 0).any():
                yield slice(start, stop)
        return
    for sample in range(codes.max() + 1):
        rows = np.flatnonzero(codes == sample)
        for start in range(0, len(rows), TASK_ROWS):
            yield rows[start : start + TASK_ROWS]


def map_rows(
    y: RowReader,
    codes: np.ndarray,
    function: Callable[..., Any],
    of_rows: Sequence[Any],
    combine: Callable[[Any, Any], Any],
    what: str = "sums",
) -> Any:
    """
    Results of all tasks, combined as a tree by dask on its threads or, with an active `dask.distributed` client, its workers.

    Parameters
    ----------
    y
        Matrix, cells × genes.
    codes
        Sample number of each cell, -1 for cells that take no part.
    function
        Called with a reader, its rows, and what goes with these rows.
    of_rows
        Arrays with a row for each cell, or what is read like one; sparse matrices stay sparse.
    combine
        Makes one result of two.
    what
        What is computed, for the progress.
    """
    client = cluster_client()
    with progress_bar(int((codes >= 0).sum()), what, "cells") as advance:
        if client is not None and y.movable:
            return _on_workers(client, y, codes, function, of_rows, combine, advance)

        def run(rows: slice | np.ndarray) -> Any:
            part = function(y, rows, *(one[rows] for one in of_rows))
            advance(int((codes[rows] >= 0).sum()))
            return part

        task, both = dask.delayed(run, pure=False), dask.delayed(combine, pure=False)
        parts = [task(rows) for rows in row_tasks(y, codes)]
        # results of neighbours one by one, so that few wait for others
        parts = [reduce(both, parts[start : start + FOLDED]) for start in range(0, len(parts), FOLDED)]
        return compute_here(in_pairs(parts, both), reads=y.chunks is not None)[0]


def _on_workers(
    client: Any,
    y: RowReader,
    codes: np.ndarray,
    function: Callable[..., Any],
    of_rows: Sequence[Any],
    combine: Callable[[Any, Any], Any],
    advance: Callable[[int], object],
) -> Any:
    """Each worker gets the rows of its task, or the recipe to read them; the representation it has already, where tasks are ranges."""
    tasks = list(row_tasks(y, codes))

    def submitted() -> Iterator[Any]:
        for rows in tasks:
            own, blocks, within = [], [], None
            for one in of_rows:
                if hasattr(one, "without_points") and isinstance(rows, slice):
                    own.append(one.without_points(rows))
                    numbers, within = _place(len(one.x), rows)
                    blocks = held_by_workers(client, one.x)[numbers]
                else:
                    own.append(piece(one, rows))
            yield client.submit(_on_worker, function, y.piece(rows), blocks, within, *own, pure=False)

    sizes = (int((codes[rows] >= 0).sum()) for rows in tasks)
    return combined_there(client, count_when_done(submitted(), sizes, advance), combine)


def _place(n: int, rows: slice) -> tuple[slice, slice]:
    """Numbers of the blocks of the representation that have the rows, and where in them, one after the other."""
    size = ranges_on_workers(n)[0].stop
    first = rows.start // size
    return slice(first, -(-rows.stop // size)), slice(rows.start - first * size, rows.stop - first * size)


def _on_worker(
    function: Callable[..., Any],
    y: RowReader,
    blocks: list[Any],
    within: slice | None,
    *of_rows: Any,
) -> Any:
    every = slice(None)
    if within is not None:
        x = piece(joined(blocks), within)
        of_rows = tuple(replace(one, x=x) if hasattr(one, "without_points") else one for one in of_rows)
    return function(y, every, *(one[every] for one in of_rows))
