"""Large results on disk."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["to_disk"]


def to_disk(
    arrays: dict[str, "da.Array"], directory: str | Path | None, owner: object, *, keep: bool
) -> dict[str, "da.Array"]:
    """
    Write arrays to a new zarr store and return them as lazy arrays that read from it.

    Parameters
    ----------
    arrays
        Lazy arrays by name.
    directory
        Folder to make the store in; None for the system's temporary one.
    owner
        The store is deleted when this object is gone, unless `keep`.
    keep
        Leave the store for good.

    Raises
    ------
    OSError
        If the folder cannot be written or is full; nothing is left behind.
    """
    import dask.array as da

    try:
        if directory is not None:
            Path(directory).mkdir(parents=True, exist_ok=True)
        store = Path(tempfile.mkdtemp(prefix="kompot-", suffix=".zarr", dir=directory))
    except OSError as error:
        raise OSError(f"Cannot write to {directory or tempfile.gettempdir()}: {error.strerror}. Pass another `directory=`.") from error
    try:
        for name, array in arrays.items():
            da.to_zarr(array, str(store), component=name)
    except OSError as error:
        shutil.rmtree(store, ignore_errors=True)
        raise OSError(f"Writing the layers to {store.parent} failed: {error.strerror or error}.") from error
    except BaseException:
        shutil.rmtree(store, ignore_errors=True)
        raise
    if not keep:
        weakref.finalize(owner, shutil.rmtree, store, ignore_errors=True)
    return {name: da.from_zarr(str(store), component=name) for name in arrays}
