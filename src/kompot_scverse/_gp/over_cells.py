"""A function of every block of cells: here, or on the workers of a cluster that hold their representation."""

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from .frame import Frame
from .in_turn import gathered
from .parallel import cluster_client, sends_large
from .points import Points, piece
from .progress import progress_bar

BLOCK, BLOCK_ON_WORKER = 8192, 32_768
"""Cells at a time here, and on a worker."""

_sent: dict[tuple[int, int], list[Any]] = {}
"""Representations that workers hold, by the array and the client, as long as the array lives."""
_stored: dict[int, Any] = {}
"""Where arrays are in files, too, by the array, as long as it lives."""


def over_cells(
    function: Callable[..., Any],
    x: np.ndarray | Points,
    *of_rows: Sequence[Any] | np.ndarray,
    arguments: tuple = (),
    what: str = "cells",
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
    what
        What is computed, for the progress.
    """
    client = cluster_client()
    if client is None:
        return in_blocks(function, x, *of_rows, arguments=arguments, what=what, size=BLOCK)
    with progress_bar(len(x), what, "cells") as advance:
        futures = futures_over_cells(client, function, x, *of_rows, arguments=arguments)
        sizes = (rows.stop - rows.start for rows in ranges_on_workers(len(x)))
        return gathered(client, count_when_done(futures, sizes, advance))


def in_blocks(
    function: Callable[..., Any], values: Any, *of_rows: Any, arguments: tuple, what: str, size: int
) -> list[Any]:
    """The same for the rows of any array, a number of rows at a time, in this process."""
    found = []
    with progress_bar(len(values), what, "cells") as advance:
        for rows in _ranges(len(values), size):
            found.append(function(values[rows], *(one[rows] for one in of_rows), *arguments))
            advance(rows.stop - rows.start)
    return found


def count_when_done(futures: Iterable[Any], sizes: Iterable[int], advance: Callable[[int], object]) -> Iterator[Any]:
    """The same futures; the rows of each are counted once it is done."""
    for future, n in zip(futures, sizes, strict=True):
        future.add_done_callback(partial(_count, advance, n))
        yield future


def _count(advance: Callable[[int], object], n: int, future: Any) -> None:
    advance(n)


def futures_over_cells(
    client: Any,
    function: Callable[..., Any],
    x: np.ndarray | Points,
    *of_rows: Sequence[Any] | np.ndarray,
    arguments: tuple = (),
) -> Iterator[Any]:
    """The same results as futures, for the blocks of :func:`ranges_on_workers`, one by one; they stay on the workers."""
    for rows, block in zip(ranges_on_workers(len(x)), held_by_workers(client, x), strict=True):
        yield client.submit(_of_block, function, block, *(one[rows] for one in of_rows), *arguments, pure=False)


def held_by_workers(client: Any, x: np.ndarray | Points) -> list[Any]:
    """The representation on the workers, in the blocks of :func:`ranges_on_workers`: sent once for all calls with one array."""
    key = (id(x), id(client))
    if key not in _sent:
        ranges, stored = ranges_on_workers(len(x)), _stored.get(id(x.values if isinstance(x, Points) else x))
        if stored is None:
            with sends_large():
                # as results of tasks and not scattered: what a lost worker held is then sent again
                _sent[key] = [client.submit(_same, piece(x, rows), pure=False) for rows in ranges]
        else:
            frame = x.frame if isinstance(x, Points) else None
            _sent[key] = [client.submit(_read, stored.piece(rows), frame, pure=False) for rows in ranges]
        weakref.finalize(x, _sent.pop, key, None)
    return _sent[key]


def note_stored(values: np.ndarray, stored: Any) -> None:
    """
    Let workers read an array themselves, so that it is not sent to them, nor held by the scheduler.

    Parameters
    ----------
    values
        The array.
    stored
        The same values in a file, as :class:`~kompot_scverse._data.stored_rows.StoredRows`.
    """
    if id(values) not in _stored:
        weakref.finalize(values, _stored.pop, id(values), None)
    _stored[id(values)] = stored


def _same(block: Any) -> Any:
    return block


def _read(stored: Any, frame: Frame | None) -> Any:
    values = stored[:]
    return values if frame is None else Points(values, frame)


def _of_block(function: Callable[..., Any], block: np.ndarray | Points, *arguments: Any) -> Any:
    return function(block[:], *arguments)


def ranges_on_workers(n: int) -> list[slice]:
    """Rows of the blocks that workers hold."""
    return _ranges(n, BLOCK_ON_WORKER)


def _ranges(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, max(n, 1), size)]
