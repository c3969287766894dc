"""Arrays, and what is read like one, as dask arrays."""

from itertools import product
from typing import Any
from uuid import uuid4

import dask.array as da
import numpy as np

from .forks import renew_pool_when_forked


def as_dask(values: np.ndarray, chunks: tuple[int, ...] | tuple[tuple[int, ...], ...]) -> da.Array:
    """
    A dask array whose chunks are views of `values`.

    `dask.array.from_array` copies what is in memory.

    Parameters
    ----------
    values
        In memory.
    chunks
        Chunk sizes, as `dask.array.from_array` takes them.
    """
    renew_pool_when_forked()
    sizes = da.core.normalize_chunks(chunks, values.shape, dtype=values.dtype)
    name = f"array-{uuid4()}"
    slices = da.core.slices_from_chunks(sizes)
    keys = product([name], *(range(len(of_axis)) for of_axis in sizes))
    graph: dict[Any, Any] = {key: values[place] for key, place in zip(keys, slices, strict=True)}
    return da.Array(graph, name, sizes, meta=values)


def dask_of_rows(source: Any, size: int) -> da.Array:
    """
    A dask array, float32, with chunks of rows; of each, dask reads what is used of it.

    Parameters
    ----------
    source
        Has a shape; gives with `rows(slice)` what is read like an array, with a slice or numbers on each axis.
    size
        Rows of a chunk.
    """
    import dask.array as da

    renew_pool_when_forked()
    shape = source.shape
    sizes = da.core.normalize_chunks((size, *shape[1:]), shape, dtype=np.float32)
    name, everything = f"rows-{uuid4()}", (slice(None),) * len(shape)
    graph: dict[Any, Any] = {}
    for number, (rows, *_) in enumerate(da.core.slices_from_chunks(sizes)):
        # what is read has a key of its own: dask then puts later slices into the first
        graph[f"{name}-{number}"] = Rows(source.rows(rows))
        graph[name, number, *([0] * (len(shape) - 1))] = (da.core.getter, f"{name}-{number}", everything)
    return da.Array(graph, name, sizes, meta=np.empty((0,) * len(shape), dtype=np.float32))


class Rows:
    """Some rows of an array, read as numpy reads them: an axis of which one number is asked for goes."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __getitem__(self, place: Any) -> np.ndarray:
        place = place if isinstance(place, tuple) else (place,)
        place += (slice(None),) * (len(self.values.shape) - len(place))
        single = [isinstance(one, int | np.integer) for one in place]
        kept = tuple(slice(one, one + 1) if alone else one for one, alone in zip(place, single, strict=True))
        return self.values[kept][tuple(0 if alone else slice(None) for alone in single)]
