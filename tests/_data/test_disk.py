"""Layers on disk: the same numbers, and files that live as long as they are read."""

import gc
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData

import kompot_scverse as kp

ARGUMENTS = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "fdr": kp.FDRSettings(null_genes=0)}
KEY = "kompot_de_Young_to_Old_fold_change"


def on_disk(adata: AnnData, folder: Path, **settings) -> None:
    kp.tl.de(adata, "Age", **ARGUMENTS, storage=kp.StorageSettings(layers="disk", directory=folder, **settings))


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: the operating system refuses, as it does when a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_same_numbers_and_gone_with_the_data(adata: AnnData, tmp_path: Path) -> None:
    lazy = adata.copy()
    kp.tl.de(lazy, "Age", **ARGUMENTS)
    on_disk(adata, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    assert adata.layers[KEY].dtype == np.float32
    np.testing.assert_allclose(adata.layers[KEY].compute(), lazy.layers[KEY].compute(), rtol=1e-6)


@pytest.mark.parametrize("last", ["copy", "part", "layer"])
def test_files_stay_as_long_as_anything_reads_them(simulated: AnnData, tmp_path: Path, last: str) -> None:
    adata = simulated.copy()
    on_disk(adata, tmp_path)
    expected = np.asarray(adata.layers[KEY])[:100]
    kept = adata.layers[KEY] if last == "layer" else adata.copy() if last == "copy" else adata[:100].copy()
    del adata
    gc.collect()
    found = kept if last == "layer" else kept.layers[KEY]
    np.testing.assert_array_equal(np.asarray(found)[:100], expected)
    del kept, found
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_kept(simulated: AnnData, tmp_path: Path) -> None:
    adata = simulated.copy()
    on_disk(adata, tmp_path, keep=True)
    del adata
    gc.collect()
    assert len(list(tmp_path.iterdir())) == 1


def test_written_with_the_data(adata: AnnData, tmp_path: Path) -> None:
    import anndata

    on_disk(adata, tmp_path)
    adata.write_h5ad(tmp_path / "data.h5ad")
    read = anndata.read_h5ad(tmp_path / "data.h5ad")
    np.testing.assert_array_equal(read.layers[KEY], np.asarray(adata.layers[KEY]))


def test_directory_that_cannot_be_written(adata: AnnData, tmp_path: Path, unchanged) -> None:
    (tmp_path / "file").write_text("")
    with unchanged(adata), pytest.raises(OSError, match="Cannot write to .*Pass another `directory=`"):
        on_disk(adata, tmp_path / "file" / "sub")


@pytest.mark.parametrize("folder", ["", "new/folder"])
def test_full_disk_leaves_nothing(adata: AnnData, tmp_path: Path, unchanged, folder: str) -> None:
    with unchanged(adata), pytest.raises(OSError, match=f"to {tmp_path}.* failed: File too large.*plan"):
        with small_files(20_000):
            on_disk(adata, tmp_path / folder)
    assert list(tmp_path.iterdir()) == []
