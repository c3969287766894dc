"""Arrays in a zarr store, read chunk by chunk. A missing chunk is an error and not filled with a number."""

import os
import shutil
import weakref
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import dask.array as da
import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from kompot_scverse._gp.forks import renew_pool_when_forked


class Folder:
    """
    The folder of a store.

    Parameters
    ----------
    path
        Where it is.
    keep
        Whether it stays when no array reads from it any more.
    """

    def __init__(self, path: Path, *, keep: bool) -> None:
        self.path, self.keep, self.maker = path, keep, os.getpid()

    def release(self) -> None:
        """Delete it when no array reads from it any more, unless it is to be kept."""
        if not self.keep:
            # every array that reads from the store holds this object
            weakref.finalize(self, _delete, self.path, self.maker)

    def delete(self) -> None:
        """Delete it now."""
        _delete(self.path, self.maker)


def _delete(path: Path, maker: int) -> None:
    # a process that was forked off has a copy of this object, and its end is not that of the data
    if os.getpid() == maker:
        shutil.rmtree(path, ignore_errors=True)


class StoredArray:
    """
    A float32 zarr array that is written in chunks, and then read.

    Parameters
    ----------
    folder
        That of the store.
    name, shape, chunks
        As zarr takes them.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, folder: Folder, name: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
        self.folder, self.name = folder, name
        self._zarr = zarr.create_array(
            zarr.storage.LocalStore(folder.path),
            name=name,
            shape=shape,
            chunks=chunks,
            dtype=self.dtype,
            # so that a file is broken rather than wrong
            compressors=ZstdCodec(level=0, checksum=True),
            fill_value=float("nan"),
            # every chunk has a file: one that is missing is lost
            config={"write_empty_chunks": True},
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the array."""
        return self._zarr.shape

    def __setitem__(self, place: Any, values: np.ndarray) -> None:
        self._zarr[place] = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = np.empty(self.shape, dtype=self.dtype)
        for place, chunk in self._parts().items():
            values[place] = chunk.read()
        return values if dtype is None else values.astype(dtype)

    def lazy(self) -> da.Array:
        """As a dask array with the chunks of the store."""
        renew_pool_when_forked()
        sizes = da.core.normalize_chunks(self._zarr.chunks, self.shape, dtype=self.dtype)
        name = f"stored-{uuid4()}"
        keys = product([name], *(range(len(of_axis)) for of_axis in sizes))
        graph = {key: (_value, chunk) for key, chunk in zip(keys, self._parts().values(), strict=True)}
        return da.Array(graph, name, sizes, meta=np.empty((0,) * len(self.shape), dtype=self.dtype))

    def _parts(self) -> "dict[tuple[slice, ...], StoredChunk]":
        """All chunks by their place in the array."""
        steps = [
            [slice(start, min(start + size, n)) for start in range(0, n, size)]
            for n, size in zip(self.shape, self._zarr.chunks, strict=True)
        ]
        return {
            tuple(place for _, place in chosen): StoredChunk(self, tuple(number for number, _ in chosen))
            for chosen in product(*map(enumerate, steps))
        }

    def read(self, numbers: tuple[int, ...]) -> np.ndarray:
        """
        The values of a chunk.

        Raises
        ------
        LookupError
            If its file is gone or damaged.
        """
        path = self.folder.path / self._zarr.path / self._zarr.metadata.encode_chunk_key(numbers)
        place = tuple(slice(n * size, (n + 1) * size) for n, size in zip(numbers, self._zarr.chunks, strict=True))
        try:
            values = self._zarr[place]
        except (OSError, RuntimeError, ValueError) as error:
            raise self._lost("damaged") from error
        # looked for afterwards: what is there now was there while reading
        if not path.is_file():
            raise self._lost("gone")
        return np.asarray(values)

    def _lost(self, how: str) -> LookupError:
        return LookupError(
            f"A part of {self.name!r} on disk is {how} ({self.folder.path}). Call `kp.tl.restore_layers` to build the layers "
            'again; the variance between replicates of `sample_covariance="disk"` comes back with `kp.tl.de`.'
        )


class StoredChunk:
    """A chunk of a stored array. Pickling saves its values or, if the store is kept, its place in the store."""

    def __init__(self, array: StoredArray, numbers: tuple[int, ...]) -> None:
        self.array, self.numbers = array, numbers

    def read(self) -> np.ndarray:
        """Its values."""
        return self.array.read(self.numbers)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.array.folder.keep:
            return StoredChunk, (self.array, self.numbers)
        # another process cannot know how long the store is there
        return np.asarray, (self.read(),)

    def __deepcopy__(self, memo: Any) -> "StoredChunk":
        return self


def _value(chunk: StoredChunk | np.ndarray) -> np.ndarray:
    return chunk if isinstance(chunk, np.ndarray) else chunk.read()
