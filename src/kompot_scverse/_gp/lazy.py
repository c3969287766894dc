"""Arrays in memory as dask arrays."""

from itertools import product
from typing import Any
from uuid import uuid4

import dask.array as da
import numpy as np
import scipy.sparse as sp

from .features import CellFeatures, Features
from .forks import renew_pool_when_forked


def as_dask(values: Features | sp.csr_array, chunks: tuple[int, ...] | tuple[tuple[int, ...], ...]) -> da.Array:
    """
    A dask array whose chunks are views of `values`.

    `dask.array.from_array` copies what is in memory, and large arrays here are the basis and the replicates' weights, of
    which each layer would then hold one more.

    Parameters
    ----------
    values
        In memory; features that are not, and sparse matrices, are computed or made dense chunk by chunk. Features must be in
        one chunk of columns.
    chunks
        Chunk sizes, as `dask.array.from_array` takes them.
    """
    renew_pool_when_forked()
    graph: dict[Any, Any]
    sizes = da.core.normalize_chunks(chunks, values.shape, dtype=getattr(values, "dtype", np.float32))
    name = f"array-{uuid4()}"
    slices = da.core.slices_from_chunks(sizes)
    keys = product([name], *(range(len(of_axis)) for of_axis in sizes))
    if isinstance(values, CellFeatures):
        graph = {key: (_every, values.piece(place[0])) for key, place in zip(keys, slices, strict=True)}
        return da.Array(graph, name, sizes, meta=np.empty((0, 0), dtype=np.float32))
    if sp.issparse(values):
        # kept sparse, and dense only while a chunk is computed
        graph = {key: (_dense, values[place]) for key, place in zip(keys, slices, strict=True)}
        return da.Array(graph, name, sizes, meta=np.empty((0, 0), dtype=values.dtype))
    graph = {key: values[place] for key, place in zip(keys, slices, strict=True)}
    return da.Array(graph, name, sizes, meta=values)


def _every(features: CellFeatures) -> np.ndarray:
    return features[:]


def _dense(block: sp.csr_array) -> np.ndarray:
    return block.toarray()
