"""Large results on disk."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from kompot_scverse.settings import StorageSettings

if TYPE_CHECKING:
    from typing import Self

    import dask.array as da

__all__ = ["DiskStore"]


class DiskStore:
    """
    A zarr store for the large results of one call, made when first needed and deleted unless committed.

    Parameters
    ----------
    storage
        Folder, and whether the store outlives the data.
    owner
        The data: once they are gone, the store is deleted, unless it is to be kept.
    """

    def __init__(self, storage: StorageSettings | None, owner: object) -> None:
        self.storage, self.owner = storage or StorageSettings(), owner
        self.path: Path | None = None

    def save(self, arrays: dict[str, "da.Array"]) -> dict[str, "da.Array"]:
        """
        Write arrays and return them as lazy arrays that read from the store.

        Raises
        ------
        OSError
            If the folder cannot be written or is full; nothing is left behind.
        """
        import dask.array as da

        directory = self.storage.directory
        try:
            if directory is not None:
                Path(directory).mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(prefix="kompot-", suffix=".zarr", dir=directory))
        except OSError as error:
            raise OSError(
                f"Cannot write to {directory or tempfile.gettempdir()}: {error.strerror}. Pass another `directory=`."
            ) from error
        try:
            for name, array in arrays.items():
                da.to_zarr(array, str(self.path), component=name)
        except OSError as error:
            raise OSError(f"Writing the layers to {self.path.parent} failed: {error.strerror or error}.") from error
        return {name: da.from_zarr(str(self.path), component=name) for name in arrays}

    def commit(self) -> None:
        """The arrays are in use: leave the store until its owner is gone, or for good."""
        if self.path is not None and not self.storage.keep:
            weakref.finalize(self.owner, shutil.rmtree, self.path, ignore_errors=True)
        self.path = None

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *error: object) -> None:
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)
