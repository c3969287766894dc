"""A file or folder appears whole, at the end and at once, or everything stays as it was."""

import glob
import hashlib
import os
import shutil
import stat
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 200
"""Bytes of a name that still leave room for what is added to it; file systems take 255."""


@contextmanager
def staged(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """
    Where to write what is to be at `path`: it takes its place at the end of the block.

    Whatever ends the block or the change of places early, an interruption too, leaves what was at `path` before.

    Raises
    ------
    FileExistsError
        If there is something at `path` by then, without `overwrite`.
    """
    with _folder_beside(path) as folder:
        new = folder / f"new{path.suffix}"
        yield new
        if not overwrite:
            _publish_first(new, path)
            return
        if path.exists():
            _same_permissions(path, new)
        if new.is_dir() and path.exists():
            # a folder that is not empty cannot be replaced in one step
            path.rename(_aside(folder, path))
            new.rename(path)
        else:
            new.replace(path)


def check_writable(path: Path) -> None:
    """Raise the OSError that writing to `path` would raise."""
    with _folder_beside(path):
        pass


def recover(path: Path) -> None:
    """Put back what a run had moved aside that was killed while replacing `path`, and name what others have left."""
    left = path.parent.glob(f"{glob.escape(_prefix(path))}*")
    for folder in sorted(left, key=lambda one: one.stat().st_mtime, reverse=True):
        if _put_back(folder, path):
            shutil.rmtree(folder, ignore_errors=True)
            message = f"{path} was missing, because a run ended while replacing it; what was there before is back."
        else:
            message = (
                f"{folder} is left of a run that ended while writing {path.name}; delete it, unless one is writing."
            )
        warnings.warn(message, stacklevel=2)


def _publish_first(new: Path, path: Path) -> None:
    """Move to a place where there is nothing; of two that do so, one fails."""
    try:
        if new.is_dir():
            new.rename(path)
            return
        try:
            os.link(new, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            path.touch(exist_ok=False)
            new.replace(path)
    except OSError as error:
        if not path.exists():
            raise
        raise FileExistsError(
            f"{path} was made by another process in the meantime and is left as it is; pass --overwrite to replace it."
        ) from error


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """A hidden folder on the same disk as `path`, gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=_prefix(path)))
    try:
        yield folder
    finally:
        # if this is interrupted as well, the folder stays, for `recover`
        _put_back(folder, path)
        shutil.rmtree(folder, ignore_errors=True)


def _put_back(folder: Path, path: Path) -> bool:
    """Undo a replacement that was not finished; whether there was one."""
    old = _aside(folder, path)
    if path.exists() or not old.exists():
        return False
    old.rename(path)
    return True


def _aside(folder: Path, path: Path) -> Path:
    return folder / f"old{path.suffix}"


def _prefix(path: Path) -> str:
    """How the names of the folders beside `path` begin."""
    name = path.name
    if len(os.fsencode(name)) > LONGEST:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}.kompot-"


def _same_permissions(old: Path, new: Path) -> None:
    mode = stat.S_IMODE(old.stat().st_mode)
    if new.is_dir():
        files = next((stat.S_IMODE(part.stat().st_mode) for part in old.rglob("*") if part.is_file()), None)
        for part in new.rglob("*"):
            if part.is_dir():
                part.chmod(mode)
            elif files is not None:
                part.chmod(files)
    new.chmod(mode)
