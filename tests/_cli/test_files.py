"""Which files are read and replaced."""

import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import typer

from kompot_scverse._cli import files


def data() -> ad.AnnData:
    return ad.AnnData(np.ones((2, 3), dtype=np.float32))


def test_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.h5ad", tmp_path / "link.h5ad"
    data().write_h5ad(target)
    before = target.read_bytes()
    link.symlink_to(target)
    new = data()
    new.obs["new"] = 1
    files.write(new, link, overwrite=True)
    assert link.is_symlink()
    assert target.read_bytes() != before


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr"])
def test_what_is_no_result_is_not_replaced(tmp_path: Path, suffix: str) -> None:
    source, path = tmp_path / "source.h5ad", tmp_path / f"notes{suffix}"
    data().write_h5ad(source)
    if suffix == ".zarr":
        path.mkdir()
    notes = path / "notes.txt" if path.is_dir() else path
    notes.write_text("do not lose")
    with pytest.raises(typer.BadParameter, match="so it is not replaced"):
        files.check_output(path, source, overwrite=True)
    with pytest.raises(FileExistsError, match="so it is not replaced"):
        files.write(data(), path, overwrite=True)
    assert notes.read_text() == "do not lose"


def test_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noticed before anything is computed; root may write everywhere, so the error is made here."""

    def mkdtemp(**_: object) -> str:
        raise OSError(30, "Read-only file system")

    data().write_h5ad(tmp_path / "source.h5ad")
    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    with pytest.raises(typer.BadParameter, match="cannot be written: Read-only file system"):
        files.check_output(tmp_path / "a.h5ad", tmp_path / "source.h5ad", overwrite=False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("loop.h5ad", "(?i)too many levels of symbolic links"), ("a" * 300 + ".h5ad", "(?i)file name too long")],
    ids=["loop", "long"],
)
def test_places_that_cannot_be(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "loop.h5ad").symlink_to(tmp_path / "loop.h5ad")
    with pytest.raises(typer.BadParameter, match=expected):
        files.read(tmp_path / name)
    data().write_h5ad(tmp_path / "source.h5ad")
    with pytest.raises(typer.BadParameter, match=expected):
        files.check_output(tmp_path / name, tmp_path / "source.h5ad", overwrite=True)


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=23))
    with pytest.raises(OSError, match="needs at least"):
        files.write(data(), tmp_path / "a.h5ad", overwrite=False)
    assert not any(tmp_path.iterdir())
    files.write(data(), tmp_path / "a.zarr", overwrite=False)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_tables_are_read_back(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"a": [1.5, 2.0]}, index=["x", "y"])
    files.write_table(table, tmp_path / f"a{suffix}", overwrite=False)
    read = pd.read_csv(tmp_path / f"a{suffix}", sep="\t" if suffix == ".tsv" else ",", index_col=0)
    pd.testing.assert_frame_equal(read, table)


@pytest.mark.filterwarnings("ignore:This setting will be removed:DeprecationWarning")  # mudata asks anndata for it
def test_every_format_is_read(tmp_path: Path) -> None:
    import mudata as md

    adata = ad.AnnData(np.ones((2, 3), dtype=np.float32))
    mdata = md.MuData({"rna": adata})
    adata.write_h5ad(tmp_path / "a.h5ad")
    adata.write_zarr(tmp_path / "a.zarr")
    mdata.write_h5mu(tmp_path / "m.h5mu")
    mdata.write_zarr(tmp_path / "m.zarr")
    for name in os.listdir(tmp_path):  # noqa: PTH208
        kind = md.MuData if name.startswith("m") else ad.AnnData
        assert isinstance(files.read(tmp_path / name), kind)
        backed = files.read(tmp_path / name, backed=True)
        assert isinstance(backed, kind)
        assert backed.shape == (2, 3)


def test_a_zarr_store_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: ad.AnnData, target: Path) -> None:
        Path(target).mkdir()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ad.AnnData, "write_zarr", full)
    path = tmp_path / "a.zarr"
    with pytest.raises(OSError, match=rf"{path} could not be written: No space left on device\."):
        files.write(data(), path, overwrite=False)
    assert not any(tmp_path.iterdir())
