"""What is in the place of a file: which data, and whether it may be replaced."""

import json
import re
from pathlib import Path

ZARR_FILES = frozenset({"zarr.json", ".zgroup", ".zattrs", ".zmetadata", ".zarray", ".DS_Store"})
HDF5 = b"\x89HDF\r\n\x1a\n"
CHUNK = re.compile(r"c|c?[0-9]+([./][0-9]+)*")
"""File of a chunk, or the folder of all."""
ENCODINGS = ("anndata", "MuData")


def is_mudata(path: Path) -> bool:
    """
    Whether a file holds a MuData, by its name or, of zarr, by what it says.

    Raises
    ------
    ValueError
        If a folder named .zarr holds no data of either kind.
    """
    if path.suffix.lower() != ".zarr":
        return path.suffix.lower() == ".h5mu"
    encoding = _encoding(path)
    if encoding not in ENCODINGS:
        raise ValueError(f"{path} is no zarr store with an AnnData or MuData.")
    return encoding == "MuData"


def not_replaceable(path: Path) -> str | None:
    """Why the data or the table at `path` must not be replaced: it is something else than its name says."""
    if path.suffix.lower() == ".zarr":
        if not path.is_dir():
            return "is no folder"
        if not any(path.iterdir()):
            return None
        if _encoding(path) not in ENCODINGS:
            return "is no zarr store of this command"
        foreign = _foreign(path)
        return None if foreign is None else f"also holds {foreign.relative_to(path)}, which is no part of a zarr store"
    if not path.is_file():
        return "is no file"
    if path.suffix.lower() in (".h5ad", ".h5mu") and path.stat().st_size:
        return None if _is_hdf5(path) else "is no HDF5 file"
    return None


def _is_hdf5(path: Path) -> bool:
    """By its signature, which may come after a block for users, as in files of MuData."""
    with path.open("rb") as file:
        start = file.read(2048 + len(HDF5))
    return any(start[offset:].startswith(HDF5) for offset in (0, 512, 1024, 2048))


def _encoding(path: Path) -> object:
    """What a zarr store says that it holds; None if it is none."""
    import zarr

    try:
        return zarr.open_group(path, mode="r").attrs.get("encoding-type")
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _foreign(group: Path) -> Path | None:
    """Something in the folder of a zarr group that does not belong to it."""
    for part in sorted(group.iterdir()):
        kind = _node(part) if part.is_dir() else None
        if kind is None and part.name not in ZARR_FILES:
            return part
        if kind == "group" and (found := _foreign(part)):
            return found
        if kind == "array":
            for own in sorted(part.iterdir()):
                if own.name not in ZARR_FILES and not CHUNK.fullmatch(own.name):
                    return own
    return None


def _node(folder: Path) -> str | None:
    """Whether a folder is a group or an array of zarr (format 2 or 3), or neither."""
    if (folder / "zarr.json").is_file():
        try:
            content = json.loads((folder / "zarr.json").read_bytes())
        except (ValueError, RecursionError):
            return None
        return content.get("node_type") if isinstance(content, dict) else None
    if (folder / ".zarray").is_file():
        return "array"
    return "group" if (folder / ".zgroup").is_file() else None
