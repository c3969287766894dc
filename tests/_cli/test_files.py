"""Files are whole or as they were before."""

import os
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from kompot_scverse._cli import files


class Interrupted(BaseException):
    """As a signal would."""


class Data:
    """Writes a little, then fails or not."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails

    def write_h5ad(self, path: Path) -> None:
        path.write_text("new")
        self._end()

    def write_zarr(self, path: Path) -> None:
        path.mkdir()
        (path / "part").write_text("new")
        self._end()

    def _end(self) -> None:
        if self.fails:
            raise Interrupted


def old(path: Path) -> Path:
    """What is there before."""
    if path.suffix == ".zarr":
        path.mkdir()
        (path / "old").write_text("old")
    else:
        path.write_text("old")
    return path


def content(path: Path) -> dict[str, str]:
    return {part.name: part.read_text() for part in (path.iterdir() if path.is_dir() else [path])}


@pytest.mark.parametrize("name", ["a.h5ad", "a.zarr"])
@pytest.mark.parametrize("exists", [True, False])
def test_written(tmp_path: Path, name: str, exists: bool) -> None:
    path = tmp_path / name
    if exists:
        old(path)
    files.write(Data(fails=False), path)
    assert set(content(path).values()) == {"new"}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.h5ad", "a.zarr"])
def test_failed(tmp_path: Path, name: str) -> None:
    path = old(tmp_path / name)
    before = content(path)
    with pytest.raises(Interrupted):
        files.write(Data(fails=True), path)
    assert content(path) == before
    assert list(tmp_path.iterdir()) == [path]


def test_folder_that_cannot_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old folder comes back if the new one cannot take its place."""
    path = old(tmp_path / "a.zarr")
    rename = Path.rename

    def fails_once(self: Path, target: Path) -> Path:
        if target == path and "old-" not in self.name:
            raise OSError("no space")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_once)
    with pytest.raises(OSError, match="no space"):
        files.write(Data(fails=False), path)
    assert content(path) == {"old": "old"}
    assert list(tmp_path.iterdir()) == [path]


def test_link_stays_a_link(tmp_path: Path) -> None:
    target = old(tmp_path / "target.h5ad")
    link = tmp_path / "link.h5ad"
    link.symlink_to(target)
    files.write(Data(fails=False), link)
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_permissions_are_the_usual_ones(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    files.write(Data(fails=False), tmp_path / "a.h5ad")
    assert (tmp_path / "a.h5ad").stat().st_mode == usual.stat().st_mode


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_table(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"a": [1.5, 2.0]}, index=["x", "y"])
    files.write_table(table, tmp_path / f"a{suffix}")
    read = pd.read_csv(tmp_path / f"a{suffix}", sep="\t" if suffix == ".tsv" else ",", index_col=0)
    pd.testing.assert_frame_equal(read, table)


@pytest.mark.filterwarnings("ignore:This setting will be removed:DeprecationWarning")  # mudata asks anndata for it
def test_reading(tmp_path: Path) -> None:
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
