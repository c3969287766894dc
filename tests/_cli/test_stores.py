"""What is in the place of a file, and whether it may be replaced."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from mudata import MuData

from kompot_scverse._cli.stores import is_mudata, not_replaceable


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "data.zarr"
    ad.AnnData(np.ones((2, 3), dtype=np.float32), obsm={"X_pca": np.ones((2, 2))}).write_zarr(path)
    return path


def test_a_store(store: Path, tmp_path: Path) -> None:
    assert not is_mudata(store)
    assert not_replaceable(store) is None
    (tmp_path / "empty.zarr").mkdir()
    assert not_replaceable(tmp_path / "empty.zarr") is None


@pytest.mark.parametrize("place", ["notes.txt", "obsm/notes.txt", "notes/today.txt", "X/notes.txt"])
def test_a_store_that_holds_something_else(store: Path, place: str) -> None:
    (store / place).parent.mkdir(exist_ok=True)
    (store / place).write_text("do not lose")
    assert "also holds" in str(not_replaceable(store))
    assert place.split("/today")[0] in str(not_replaceable(store))


@pytest.mark.parametrize("content", ["[]", "{", "[" * 20_000, "{}"])
def test_a_store_with_a_folder_that_says_nothing(store: Path, content: str) -> None:
    (store / "notes").mkdir()
    (store / "notes" / "zarr.json").write_text(content)
    assert "also holds notes" in str(not_replaceable(store))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_stores_of_both_formats(tmp_path: Path, zarr_format: int) -> None:
    data = ad.AnnData(sp.random_array((50, 40), density=0.3, format="csr", rng=0))
    data.layers["dense"] = np.ones((50, 40))
    data.obs["kind"] = pd.Categorical(np.repeat(["a", "b"], 25))
    with ad.settings.override(zarr_write_format=zarr_format):
        data.write_zarr(tmp_path / "s.zarr")
    assert not_replaceable(tmp_path / "s.zarr") is None


def test_a_folder_of_notes(tmp_path: Path) -> None:
    path = tmp_path / "data.zarr"
    path.mkdir()
    (path / "notes.txt").write_text("do not lose")
    assert not_replaceable(path) == "is no zarr store of this command"
    with pytest.raises(ValueError, match=r"data\.zarr is no zarr store"):
        is_mudata(path)


def test_foreign_files_are_not_replaceable(tmp_path: Path) -> None:
    for name, expected in {"a.h5ad": "is no HDF5 file", "a.zarr": "is no folder", "a.csv": None}.items():
        (tmp_path / name).write_text("notes")
        assert not_replaceable(tmp_path / name) == expected
    (tmp_path / "b.h5ad").touch()
    assert not_replaceable(tmp_path / "b.h5ad") is None
    ad.AnnData(np.ones((2, 3), dtype=np.float32)).write_h5ad(tmp_path / "c.h5ad")
    assert not_replaceable(tmp_path / "c.h5ad") is None
    rna = ad.AnnData(np.ones((2, 3), dtype=np.float32))
    MuData({"rna": rna}).write_h5mu(tmp_path / "m.h5mu")
    assert not_replaceable(tmp_path / "m.h5mu") is None
    assert is_mudata(tmp_path / "m.h5mu")
    (tmp_path / "d.h5ad").mkdir()
    assert not_replaceable(tmp_path / "d.h5ad") == "is no file"
