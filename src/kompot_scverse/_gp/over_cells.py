"""A function of every block of cells: here, or on the workers of a cluster that hold their representation."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .parallel import cluster_client, sends_large

BLOCK, BLOCK_ON_WORKER = 8192, 32_768
"""Cells at a time here, and on a worker."""

_sent: dict[tuple[int, int], list[Any]] = {}
"""Representations that workers hold, by the array and the client, as long as the array lives."""


def over_cells(
    function: Callable[..., Any], x: np.ndarray, *of_rows: Sequence[Any] | np.ndarray, arguments: tuple = ()
) -> list[Any]:
    """
    Results of a function for all blocks of cells, in their order.

    With an active `dask.distributed` client its workers do the work. They get the representation once for all calls with one array.

    Parameters
    ----------
    function
        Called with the representation of a block, what goes with its rows, and the arguments; part of a module.
    x
        Representation: cells × dimensions.
    of_rows
        Arrays with a row for each cell.
    arguments
        What all blocks have in common.
    """
    client = cluster_client()
    if client is not None:
        return client.gather(futures_over_cells(client, function, x, *of_rows, arguments=arguments))
    return [function(x[rows], *(one[rows] for one in of_rows), *arguments) for rows in _ranges(len(x), BLOCK)]


def futures_over_cells(
    client: Any,
    function: Callable[..., Any],
    x: np.ndarray,
    *of_rows: Sequence[Any] | np.ndarray,
    arguments: tuple = (),
) -> list[Any]:
    """The same results as futures, for the blocks of :func:`ranges_on_workers`; they stay on the workers."""
    ranges, key = ranges_on_workers(len(x)), (id(x), id(client))
    with sends_large():
        if key not in _sent:
            # as results of tasks and not scattered: what a lost worker held is then sent again
            _sent[key] = [client.submit(np.asarray, x[rows], pure=False) for rows in ranges]
            weakref.finalize(x, _sent.pop, key, None)
        return [
            client.submit(function, block, *(one[rows] for one in of_rows), *arguments, pure=False)
            for rows, block in zip(ranges, _sent[key], strict=True)
        ]


def ranges_on_workers(n: int) -> list[slice]:
    """Rows of the blocks that workers hold."""
    return _ranges(n, BLOCK_ON_WORKER)


def _ranges(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, max(n, 1), size)]
