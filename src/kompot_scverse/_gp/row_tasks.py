"""A function of every block of rows of a matrix, on threads or on the workers of a cluster."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import dask
import numpy as np
import scipy.sparse as sp

from .parallel import cluster_client, compute_here, sends_large

TASK_ROWS = 4096
"""Rows of one parallel task."""

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
    progress: Callable[[int], object] | None = None,
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
    progress
        Called with the number of cells done after each task.
    """
    ship = y.movable and cluster_client() is not None

    def run(rows: slice | np.ndarray) -> Any:
        part = function(y, rows, *(one[rows] for one in of_rows))
        if progress is not None:
            progress(len(codes[rows]))
        return part

    if ship:
        # each worker gets the rows of its task (or the recipe to read them), not everything
        task = dask.delayed(partial(_on_worker, function), pure=False)
        parts = [task(y.piece(rows), [piece(one, rows) for one in of_rows]) for rows in row_tasks(y, codes)]
    else:
        task = dask.delayed(run, pure=False)
        parts = [task(rows) for rows in row_tasks(y, codes)]
    tree = _tree(parts, dask.delayed(combine, pure=False))
    if not ship:
        return compute_here(tree)[0]
    with sends_large():
        return dask.compute(tree)[0]


def piece(values: Any, rows: slice | np.ndarray) -> Any:
    """What a worker needs to have some rows: these rows, or of what computes them the means to do so."""
    return values.piece(rows) if hasattr(values, "piece") else values[rows]


def _on_worker(function: Callable[..., Any], y: RowReader, of_rows: Sequence[Any]) -> Any:
    every = slice(None)
    return function(y, every, *(one[every] for one in of_rows))


def _tree(items: list, combine: Callable) -> object:
    """Combine neighbours until one is left."""
    while len(items) > 1:
        items = [combine(*items[i : i + 2]) if i + 1 < len(items) else items[i] for i in range(0, len(items), 2)]
    return items[0]
