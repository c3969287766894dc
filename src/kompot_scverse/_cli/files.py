"""Reading and writing files: h5ad, h5mu and zarr; a file is either whole or as it was before."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .hdf5 import array_bytes, failures_raised
from .staging import check_writable, recover, staged
from .stores import is_mudata, not_replaceable

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".h5ad", ".h5mu", ".zarr")
TABLES = (".csv", ".tsv", ".parquet")
PAGES = (".html", ".htm")


def read(path: Path, *, backed: bool = False) -> Any:
    """The AnnData or MuData of a file; with `backed`, without its expression values where the format allows it."""
    import anndata as ad

    suffix = _suffix(path, SUFFIXES, "INPUT")
    if not _exists(path, "INPUT"):
        raise typer.BadParameter(f"INPUT {path} does not exist.")
    if suffix == ".h5ad":
        return ad.read_h5ad(path, backed="r" if backed else None)
    if is_mudata(path):
        import mudata as md

        return md.read_h5mu(path, backed=backed) if suffix == ".h5mu" else md.read_zarr(path)
    return ad.read_zarr(path)


def check_output(path: Path, source: Path, *, overwrite: bool) -> None:
    """Raise a usage error if a result cannot or may not go to `path`."""
    suffix = _suffix(path, SUFFIXES, "--output")
    _suffix(source, SUFFIXES, "INPUT")
    mudata = is_mudata(source) if _exists(source, "INPUT") else suffix == ".h5mu"
    if suffix != ".zarr" and suffix != (".h5mu" if mudata else ".h5ad"):
        raise typer.BadParameter(
            f"--output {path}: {source} holds {'a MuData' if mudata else 'an AnnData'}, which is written as "
            f"{'.h5mu' if mudata else '.h5ad'} or .zarr."
        )
    _check_target(path, "--output", overwrite=overwrite)


def check_table(path: Path, *, overwrite: bool) -> None:
    """Raise a usage error if a table cannot or may not go to `path`."""
    if _suffix(path, TABLES, "--table") == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise typer.BadParameter(
                f"--table {path}: parquet needs the package pyarrow; install it, or use .csv."
            ) from error
    _check_target(path, "--table", overwrite=overwrite)


def check_page(path: Path, *, overwrite: bool) -> None:
    """Raise a usage error if a page cannot or may not go to `path`."""
    _suffix(path, PAGES, "--output")
    _check_target(path, "--output", overwrite=overwrite)


def check_space(data: Any, path: Path) -> None:
    """
    Raise if the disk has no room for these data at `path`; the old file is kept until the new one is whole.

    Raises
    ------
    OSError
        If the arrays alone are larger than what is free.
    """
    if path.suffix.lower() == ".zarr":  # compressed
        return
    needed, free = array_bytes(data), shutil.disk_usage(path.resolve().parent).free
    if needed > free:
        raise OSError(
            f"{path} needs at least {needed / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free on its disk; make room, "
            "or write .zarr, which is compressed."
        )


def write(data: Any, path: Path, *, overwrite: bool) -> None:
    """Write the data; `path` changes at the end, at once."""
    suffix = _suffix(path, SUFFIXES, "--output")
    check_space(data, path)
    path = _replaceable(path, overwrite=overwrite)
    with staged(path, overwrite=overwrite) as target:
        if suffix == ".zarr":
            try:
                data.write_zarr(target)
            except OSError as error:
                raise OSError(f"{path} could not be written: {error.strerror or error}.") from error
        else:
            with failures_raised(path):
                getattr(data, f"write_{suffix.removeprefix('.')}")(target)


def write_table(table: "pd.DataFrame", path: Path, *, overwrite: bool) -> None:
    """Write a table; `path` changes at the end, at once."""
    suffix = _suffix(path, TABLES, "--table")
    path = _replaceable(path, overwrite=overwrite)
    with staged(path, overwrite=overwrite) as target:
        if suffix == ".parquet":
            table.to_parquet(target)
        else:
            table.to_csv(target, sep="\t" if suffix == ".tsv" else ",")


def write_page(write: Callable[[Path], object], path: Path, *, overwrite: bool) -> None:
    """Write a page of HTML; `path` changes at the end, at once."""
    with staged(_replaceable(path, overwrite=overwrite), overwrite=overwrite) as target:
        write(target)


def _suffix(path: Path, known: tuple[str, ...], argument: str) -> str:
    suffix = path.suffix.lower()
    if suffix not in known:
        raise typer.BadParameter(f"{argument} {path}: the name must end in {', '.join(known[:-1])} or {known[-1]}.")
    return suffix


def _exists(path: Path, argument: str) -> bool:
    """Whether there is something at `path`, after what killed runs have left beside it was seen to."""
    try:
        path.stat()
    except FileNotFoundError:
        if path.absolute().parent.is_dir():
            recover(path.resolve())
        return path.exists()
    except OSError as error:
        raise typer.BadParameter(f"{argument} {path}: {error.strerror}.") from error
    recover(path.resolve())
    return True


def _check_target(path: Path, argument: str, *, overwrite: bool) -> None:
    exists = _exists(path, argument)
    if exists and not overwrite:
        raise typer.BadParameter(f"{argument} {path} exists; pass --overwrite to replace it, or another name.")
    if not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"{argument} {path}: there is no folder {path.parent}.")
    if exists and (reason := not_replaceable(path)):
        raise typer.BadParameter(
            f"{argument} {path} {reason}, so it is not replaced; take another name, or move it away."
        )
    try:
        check_writable(path.resolve())
    except OSError as error:
        raise typer.BadParameter(f"{argument} {path} cannot be written: {error.strerror}.") from error


def _replaceable(path: Path, *, overwrite: bool) -> Path:
    """Where a link leads; what is there must still be what may be replaced."""
    if overwrite and path.exists() and (reason := not_replaceable(path)):
        raise FileExistsError(f"{path} {reason}, so it is not replaced.")
    return path.resolve()
