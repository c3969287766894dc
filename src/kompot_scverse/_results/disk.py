"""Large results on disk."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import dask.array as da

from kompot_scverse._gp.parallel import store_here
from kompot_scverse.settings import StorageSettings

from .stored import Folder, StoredArray

COLUMNS = 2048
"""Columns of a chunk in a file."""


class DiskStore:
    """
    A zarr store for the large results of one call.

    It is made when it is first needed, and deleted if the call fails. After a call that succeeds, it is deleted when the last
    array that reads from it is gone, unless the settings keep it. Copies and parts of the data share the store. Pickled data
    hold the values instead.

    Parameters
    ----------
    storage
        The folder, and whether the store is kept.
    """

    def __init__(self, storage: StorageSettings | None) -> None:
        self.storage = storage or StorageSettings()
        self._folder: Folder | None = None
        self._made: list[Path] = []

    def create(self, name: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> StoredArray:
        """
        An empty, compressed zarr array of float32, to be filled inside :meth:`writing`.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        if self._folder is None:
            directory = self.storage.directory
            try:
                if directory is not None:
                    self._made = [
                        folder for folder in (Path(directory), *Path(directory).parents) if not folder.exists()
                    ]
                    Path(directory).mkdir(parents=True, exist_ok=True)
                path = Path(tempfile.mkdtemp(prefix="kompot-", suffix=".zarr", dir=directory))
            except OSError as error:
                raise OSError(
                    f"Cannot write to {directory or tempfile.gettempdir()}: {error.strerror}. Pass another `directory=`."
                ) from error
            self._folder = Folder(path, keep=self.storage.keep)
        with self.writing():
            return StoredArray(self._folder, name, shape, chunks)

    def save(self, arrays: dict[str, da.Array]) -> dict[str, da.Array]:
        """
        Write lazy arrays and return them as lazy arrays that read from the store.

        Raises
        ------
        OSError
            If the folder cannot be written or is full. What has been written is deleted when the store is closed.
        """
        targets = {name: self.create(name, array.shape, _file_chunks(array)) for name, array in arrays.items()}
        with self.writing():
            store_here(list(arrays.values()), list(targets.values()))
        return {name: target.lazy() for name, target in targets.items()}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Say where and what to do if writing fails."""
        try:
            yield
        except OSError as error:
            raise OSError(
                f"Writing the results to {self.storage.directory or tempfile.gettempdir()} failed: "
                f"{error.strerror or error}. Pass another `directory=` with enough room, see `kp.pp.plan(...).disk`."
            ) from error

    def commit(self) -> None:
        """Keep the store after this call, until no array reads from it any more, or for good if the settings say so."""
        if self._folder is not None:
            self._folder.release()
        self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._folder is not None:
            self._folder.delete()
            for folder in self._made:
                # others may have begun to use it
                with suppress(OSError):
                    folder.rmdir()


def _file_chunks(array: da.Array) -> tuple[int, ...]:
    """Chunks of the lazy array, but fewer columns in each, so that some genes are read without all others."""
    rows, *columns = map(int, array.chunksize)
    return rows, *(min(size, COLUMNS) for size in columns[:1]), *columns[1:]
