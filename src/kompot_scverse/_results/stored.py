"""Arrays in a zarr store, read chunk by chunk. A missing chunk is an error and not filled with a number."""

import os
import shutil
import weakref
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from kompot_scverse._gp.lazy import dask_of_rows


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

    @property
    def chunks(self) -> tuple[int, ...]:
        """Of the store."""
        return self._zarr.chunks

    def __setitem__(self, place: Any, values: np.ndarray) -> None:
        self._zarr[place] = values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values, size = np.empty(self.shape, dtype=self.dtype), self.chunks[0]
        for start in range(0, self.shape[0], size):
            rows = slice(start, min(start + size, self.shape[0]))
            values[rows] = self.rows(rows)[(slice(None),) * values.ndim]
        return values if dtype is None else values.astype(dtype)

    def lazy(self) -> da.Array:
        """As a dask array with the chunks of the store along its first axis; of the others, what is asked for is read."""
        return dask_of_rows(self, self.chunks[0])

    def rows(self, rows: slice) -> "StoredRows":
        """The chunks of some rows, which must be those of chunks."""
        return StoredRows(self, rows.start // self.chunks[0], (rows.stop - rows.start, *self.shape[1:]))

    def read(self, numbers: tuple[int, ...]) -> np.ndarray:
        """
        The values of a chunk.

        Raises
        ------
        LookupError
            If its file is gone or damaged.
        """
        path = self.folder.path / self._zarr.path / self._zarr.metadata.encode_chunk_key(numbers)
        place = tuple(slice(n * size, (n + 1) * size) for n, size in zip(numbers, self.chunks, strict=True))
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


class StoredRows:
    """
    A row of chunks of a stored array. Pickling saves its values or, if the store is kept, its place in the store.

    Parameters
    ----------
    array, number, shape
        The array, the number of the chunks along its first axis, and the shape of what they hold.
    """

    def __init__(self, array: StoredArray, number: int, shape: tuple[int, ...]) -> None:
        self.array, self.number, self.shape = array, number, shape

    def __getitem__(self, place: tuple[Any, ...]) -> np.ndarray:
        if len(self.shape) == 1:
            return self.array.read((self.number,))[place]
        size, n = self.array.chunks[1], self.shape[1]
        others = (0,) * (len(self.shape) - 2)
        columns = np.arange(n)[place[1]]
        chunk_of = columns // size
        found = np.empty((self.shape[0], len(columns), *self.shape[2:]), dtype=self.array.dtype)
        for number in np.unique(chunk_of):
            own = chunk_of == number
            found[:, own] = self.array.read((self.number, int(number), *others))[:, columns[own] - number * size]
        return found[place[0], :, *place[2:]]

    def __reduce__(self) -> tuple[Any, ...]:
        if self.array.folder.keep:
            return StoredRows, (self.array, self.number, self.shape)
        # another process cannot know how long the store is there
        return np.asarray, (self[(slice(None),) * len(self.shape)],)

    def __deepcopy__(self, memo: Any) -> "StoredRows":
        return self
