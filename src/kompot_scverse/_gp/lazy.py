"""Arrays in memory as dask arrays."""

from itertools import product
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from .forks import renew_pool_when_forked

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["as_dask"]


def as_dask(values: np.ndarray, chunks: tuple[int, ...] | tuple[tuple[int, ...], ...]) -> "da.Array":
    """
    A dask array whose chunks are views of `values`.

    `dask.array.from_array` copies what is in memory, and large arrays here are the basis and the replicates' weights, of
    which each layer would then hold one more.

    Parameters
    ----------
    values
        In memory.
    chunks
        Chunk sizes, as `dask.array.from_array` takes them.
    """
    import dask.array as da

    renew_pool_when_forked()
    sizes = da.core.normalize_chunks(chunks, values.shape, dtype=values.dtype)
    name = f"array-{uuid4()}"
    slices = da.core.slices_from_chunks(sizes)
    keys = product([name], *(range(len(of_axis)) for of_axis in sizes))
    graph = {key: values[place] for key, place in zip(keys, slices, strict=True)}
    return da.Array(graph, name, sizes, meta=values)
