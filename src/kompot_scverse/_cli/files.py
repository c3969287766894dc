"""Reading and writing files: h5ad, h5mu and zarr; a file is either whole or as it was before."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_output", "check_table", "read", "write", "write_table"]

SUFFIXES = (".h5ad", ".h5mu", ".zarr")
TABLES = (".csv", ".tsv", ".parquet")


def read(path: Path, *, backed: bool = False) -> Any:
    """The AnnData or MuData of a file; with `backed`, without its expression values where the format allows it."""
    import anndata as ad

    suffix = _suffix(path, SUFFIXES, "INPUT")
    if suffix == ".h5ad":
        return ad.read_h5ad(path, backed="r" if backed else None)
    if suffix == ".h5mu" or _is_mudata(path):
        import mudata as md

        return md.read_h5mu(path, backed=backed) if suffix == ".h5mu" else md.read_zarr(path)
    return ad.read_zarr(path)


def check_output(path: Path, source: Path, *, overwrite: bool) -> None:
    """Raise a usage error if a result cannot or may not go to `path`."""
    suffix = _suffix(path, SUFFIXES, "--output")
    mudata = _suffix(source, SUFFIXES, "INPUT") == ".h5mu" or _is_mudata(source)
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


def write(data: Any, path: Path) -> None:
    """Write the data; `path` changes at the end, at once."""

    def write_to(target: Path) -> None:
        getattr(data, f"write_{_suffix(path, SUFFIXES, '--output').removeprefix('.')}")(target)

    _atomically(path, write_to)


def write_table(table: "pd.DataFrame", path: Path) -> None:
    """Write a table; `path` changes at the end, at once."""
    suffix = _suffix(path, TABLES, "--table")

    def write_to(target: Path) -> None:
        if suffix == ".parquet":
            table.to_parquet(target)
        else:
            table.to_csv(target, sep="\t" if suffix == ".tsv" else ",")

    _atomically(path, write_to)


def _suffix(path: Path, known: tuple[str, ...], argument: str) -> str:
    suffix = path.suffix.lower()
    if suffix not in known:
        raise typer.BadParameter(f"{argument} {path}: the name must end in {', '.join(known[:-1])} or {known[-1]}.")
    return suffix


def _is_mudata(path: Path) -> bool:
    """Whether a zarr folder holds a MuData."""
    if path.suffix.lower() != ".zarr":
        return False
    import zarr

    return zarr.open_group(path, mode="r").attrs.get("encoding-type") == "MuData"


def _check_target(path: Path, argument: str, *, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise typer.BadParameter(f"{argument} {path} exists; pass --overwrite to replace it, or another name.")
    if not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"{argument} {path}: there is no folder {path.parent}.")


def _atomically(path: Path, write_to: Callable[[Path], None]) -> None:
    """Write beside `path`, then take its place."""
    path = path.resolve()
    with _folder_beside(path) as folder:
        new = folder / path.name
        write_to(new)
        if path.is_dir() or new.is_dir():
            # a folder that is not empty cannot be replaced in one step: the old one steps aside, and back on failure
            old = folder / f"old-{path.name}"
            if path.exists():
                path.rename(old)
            try:
                new.rename(path)
            except OSError:
                if old.exists():
                    old.rename(path)
                raise
        else:
            new.replace(path)


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """A hidden folder on the same disk as `path`, gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
