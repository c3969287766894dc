"""Rows of a matrix in a file, which every process opens for itself."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.sparse as sp

DISK_ROWS = (1024, 32_768)
"""Rows read at a time from a file, a power of two: at least and at most, so that larger blocks of cells are several of these."""
DISK_VALUES, LARGEST_READ = 2**21, 2**23
"""About as many values are read at a time, little memory; where chunks of the file are large, more, up to the second number."""
CHUNKS = 8
"""Chunks of values that are read at a time, at least, of a compressed matrix."""
COMPARED = 2**17
"""Rows of an array that are compared at a time."""


@dataclass(frozen=True)
class StoredRows:
    """A dense matrix or one of csr, of which only the rows that are asked for are read. It can be sent to other processes."""

    place: Any
    """Path of an HDF5 file, or a group or array of zarr."""
    name: str
    """Name in the HDF5 file; empty for zarr."""
    shape: tuple[int, int]
    first: int = 0
    """Number of its first row in the file."""

    def __getitem__(self, rows: slice) -> Any:
        start, stop, _ = rows.indices(self.shape[0])
        start, stop = start + self.first, stop + self.first
        with self.opened() as values:
            if hasattr(values, "dtype"):
                return values[start:stop]
            pointers = values["indptr"][start : stop + 1]
            between = slice(int(pointers[0]), int(pointers[-1]))
            parts = values["data"][between], values["indices"][between], pointers - pointers[0]
        return sp.csr_array(parts, shape=(stop - start, self.shape[1]))

    def piece(self, rows: slice) -> "StoredRows":
        """Some of the rows alone."""
        start, stop, _ = rows.indices(self.shape[0])
        return replace(self, shape=(stop - start, self.shape[1]), first=self.first + start)

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """The group or array, while it is open."""
        if not self.name:
            yield self.place
            return
        try:
            file = h5py.File(self.place, "r")
        except OSError as error:
            raise OSError(
                f"A worker cannot open {self.place}: the workers of a cluster open the file themselves, so it must be at the same "
                f"path for them, and open here only for reading, as by `backed='r'` ({error})."
            ) from error
        with file:
            yield file[self.name]


def stored_rows(values: Any) -> StoredRows | None:
    """An array or backed matrix of anndata as rows of its file; None for what is not in one, or not by rows."""
    inner = values
    if hasattr(values, "group"):
        if getattr(values, "format", None) != "csr":
            return None
        inner = values.group
    library = type(inner).__module__.partition(".")[0]
    if library == "zarr":
        return StoredRows(inner, "", values.shape)
    if library == "h5py" and inner.file.driver not in ("core", "fileobj"):
        return StoredRows(str(Path(inner.file.filename).resolve()), inner.name, values.shape)
    return None


def in_same_file(values: Any, name: str, x: np.ndarray) -> StoredRows | None:
    """
    An array of obsm in the file that holds the expression; None where it is not there, or differs.

    Parameters
    ----------
    values
        Expression (X) as :func:`stored_rows` takes it.
    name
        Key in obsm.
    x
        Values in memory, with which all in the file are compared.
    """
    expression = stored_rows(values)
    if expression is None:
        return None
    with expression.opened() as inner:
        group = inner.parent if hasattr(inner, "parent") else _parent(inner)
        found = group.get(f"obsm/{name}")
        stored = stored_rows(found) if hasattr(found, "dtype") else None
        if stored is None or stored.shape != x.shape or found.dtype != x.dtype:
            return None
        same = all(
            np.array_equal(found[start : start + COMPARED], x[start : start + COMPARED], equal_nan=True)
            for start in range(0, len(x), COMPARED)
        )
    return stored if same else None


def _parent(array: Any) -> Any:
    """The group of zarr that holds X."""
    import zarr

    return zarr.open_group(array.store, path=array.path.rpartition("/")[0], mode="r")


def rows_at_a_time(values: Any) -> int:
    """Rows of a file that hold as many values as are read at a time; where chunks are of rows, whole ones: none is decompressed twice."""
    sparse = hasattr(values, "group")
    stored = values.group["data"] if sparse else values
    of_chunk = (getattr(stored, "chunks", None) or (1,))[0]
    n_values = max(math.prod(stored.shape) / max(values.shape[0], 1), 1)
    # the first and the last chunk of values are read for the neighbours, too
    wanted = np.clip(CHUNKS * of_chunk, DISK_VALUES, LARGEST_READ) if sparse else DISK_VALUES
    rows = int(np.clip(2 ** round(math.log2(wanted / n_values)), *DISK_ROWS))
    if sparse or of_chunk * n_values > LARGEST_READ:
        return rows
    return max(round(rows / of_chunk), 1) * of_chunk
