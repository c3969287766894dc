"""Large results on disk."""

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kompot_scverse._gp.parallel import store_here
from kompot_scverse.settings import StorageSettings

if TYPE_CHECKING:
    from typing import Self

    import dask.array as da

__all__ = ["DiskStore"]


class DiskStore:
    """
    A zarr store for the large results of one call, made when first needed and deleted unless committed.

    Once committed, it is deleted when no array reads from it any more (unless it is to be kept): copies and parts of the
    data share it.

    Parameters
    ----------
    storage
        Folder, and whether the store outlives the data.
    """

    def __init__(self, storage: StorageSettings | None) -> None:
        self.storage = storage or StorageSettings()
        self.path: Path | None = None
        self._store: Any = None
        self._made: list[Path] = []

    def create(self, name: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> Any:
        """
        An empty zarr array, float32, compressed; to be filled inside :meth:`writing`.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        import zarr

        if self.path is None:
            directory = self.storage.directory
            try:
                if directory is not None:
                    self._made = [
                        folder for folder in (Path(directory), *Path(directory).parents) if not folder.exists()
                    ]
                    Path(directory).mkdir(parents=True, exist_ok=True)
                self.path = Path(tempfile.mkdtemp(prefix="kompot-", suffix=".zarr", dir=directory))
            except OSError as error:
                raise OSError(
                    f"Cannot write to {directory or tempfile.gettempdir()}: {error.strerror}. Pass another `directory=`."
                ) from error
            self._store = zarr.storage.LocalStore(self.path)
        with self.writing():
            return zarr.create_array(self._store, name=name, shape=shape, chunks=chunks, dtype="float32")

    def save(self, arrays: dict[str, "da.Array"]) -> dict[str, "da.Array"]:
        """
        Write lazy arrays and return them as lazy arrays that read from the store.

        Raises
        ------
        OSError
            If the folder cannot be written or is full; nothing is left behind once the store is closed.
        """
        import dask.array as da

        targets = {
            name: self.create(name, array.shape, tuple(map(int, array.chunksize))) for name, array in arrays.items()
        }
        with self.writing():
            store_here(list(arrays.values()), list(targets.values()))
        return {name: da.from_zarr(target) for name, target in targets.items()}

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
        """The arrays are in use: leave the store until nothing reads from it, or for good."""
        if self.path is not None and not self.storage.keep:
            # every array that reads from the store holds it
            weakref.finalize(self._store, shutil.rmtree, self.path, ignore_errors=True)
        self.path, self._store = None, None

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *error: object) -> None:
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            for folder in self._made:
                # others may have begun to use it
                with suppress(OSError):
                    folder.rmdir()
