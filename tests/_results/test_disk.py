"""Layers on disk: the same numbers, and files that live as long as they are read."""

import copy
import gc
import pickle
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData

import kompot_scverse as kp

KOMPOT = kp.GPSettings.kompot()
"""With the weights of the replicates, which are large."""
ARGUMENTS = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "gp": KOMPOT}
K = "kompot_de_Young_to_Old"
KEY = f"{K}_fold_change"


def on_disk(adata: AnnData, folder: Path, gp: kp.GPSettings = KOMPOT, **settings) -> None:
    kp.tl.de(
        adata, "Age", **ARGUMENTS | {"gp": gp}, storage=kp.StorageSettings(layers="disk", directory=folder, **settings)
    )


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
    lazy, gp = adata.copy(), kp.GPSettings()
    kp.tl.de(lazy, "Age", **ARGUMENTS | {"gp": gp})
    on_disk(adata, tmp_path, gp)
    lfsr = f"{K}_lfsr"
    np.testing.assert_allclose(adata.layers[lfsr].compute(), lazy.layers[lfsr].compute(), atol=2e-6)
    assert len(list(tmp_path.iterdir())) == 1
    assert adata.layers[KEY].dtype == np.float32
    np.testing.assert_allclose(adata.layers[KEY].compute(), lazy.layers[KEY].compute(), atol=2e-6)


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


def test_a_kept_store_outlives_its_data(simulated: AnnData, tmp_path: Path) -> None:
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


def with_replicates(adata: AnnData, genes=None, overwrite=None, **storage) -> None:
    kp.tl.de(
        adata, "Age", **ARGUMENTS, sample_key="Replicate", cell_groups="celltype", genes=genes, overwrite=overwrite,
        storage=kp.StorageSettings(**{"sample_covariance": "memory"} | storage),
    )  # fmt: skip


@pytest.fixture(scope="module")
def replicated(simulated: AnnData) -> AnnData:
    """Everything in memory."""
    adata = simulated.copy()
    with_replicates(adata)
    return adata


@pytest.mark.parametrize("layers", ["lazy", "disk"])
def test_replicate_factors_on_disk(adata: AnnData, replicated: AnnData, tmp_path: Path, layers: str) -> None:
    import anndata

    expected = replicated
    with_replicates(adata, sample_covariance="disk", layers=layers, directory=tmp_path / "store")
    key = "kompot_de_Young_sample_weights"
    assert hasattr(adata.varm[key], "dask")
    assert len(list((tmp_path / "store").iterdir())) == 1
    np.testing.assert_array_equal(np.asarray(adata.varm[key]), expected.varm[key])
    np.testing.assert_allclose(
        adata.var[f"{K}_mahalanobis_sample_var"], expected.var[f"{K}_mahalanobis_sample_var"], rtol=1e-10
    )
    for other in (adata, adata[:50, 5:20].copy()):
        found = kp.get.sample_covariance(other, "Gene0007", cells=np.arange(20))
        np.testing.assert_allclose(
            found, kp.get.sample_covariance(expected, "Gene0007", cells=np.arange(20)), rtol=1e-5
        )
        layer = np.asarray(other.layers["kompot_de_Young_std_sample_var"])
        wanted = np.asarray(expected[other.obs_names, other.var_names].layers["kompot_de_Young_std_sample_var"])
        np.testing.assert_allclose(layer, wanted, rtol=1e-5)
    adata.write_h5ad(tmp_path / "data.h5ad")
    read = anndata.read_h5ad(tmp_path / "data.h5ad")
    np.testing.assert_array_equal(read.varm[key], expected.varm[key])
    # genes that are not analysed again keep theirs
    genes = list(adata.var_names[:4])
    with_replicates(adata, genes, overwrite=True, sample_covariance="disk", directory=tmp_path / "store")
    assert hasattr(adata.varm[key], "dask")
    np.testing.assert_allclose(np.asarray(adata.varm[key]), expected.varm[key], rtol=1e-5, atol=1e-6)
    assert kp.pp.plan(adata, "de", "Age", **ARGUMENTS, sample_key="Replicate",
                      storage=kp.StorageSettings(sample_covariance="disk")).disk > 0  # fmt: skip
    del adata, other
    gc.collect()


def test_restored_layers_leave_the_factors_on_disk(adata: AnnData, tmp_path: Path, monkeypatch) -> None:
    import dask.array as da

    with_replicates(adata, sample_covariance="disk", directory=tmp_path / "store")
    layer = f"{K.replace('_Young_to', '')}_std_sample_var"
    expected = np.asarray(adata.layers[layer])
    kp.tl.cleanup(adata, keep="sample_weights")
    assert layer not in adata.layers
    with monkeypatch.context() as context:
        context.setattr(da.Array, "__array__", lambda *_, **__: pytest.fail("the factors were read"))
        context.setattr(da.Array, "compute", lambda *_, **__: pytest.fail("the factors were read"))
        kp.tl.restore_layers(adata)
    np.testing.assert_allclose(np.asarray(adata.layers[layer]), expected, rtol=1e-6)
    z = kp.get.layer(adata, "fold_change_zscore", genes=["Gene0003"], cells=[0, 5])
    change = kp.get.layer(adata, "fold_change", genes=["Gene0003"], cells=[0, 5])
    std = [
        kp.get.layer(adata, f"kompot_de_{name}_std_sample_var", genes=["Gene0003"], cells=[0, 5])
        for name in ("Young", "Old")
    ]
    np.testing.assert_allclose(z, change / np.hypot(*std), rtol=1e-4)


def test_full_disk_while_writing_factors(adata: AnnData, tmp_path: Path, unchanged) -> None:
    with unchanged(adata), pytest.raises(OSError, match=f"to {tmp_path} failed"):
        with small_files(5_000):
            with_replicates(adata, sample_covariance="disk", directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lost_store_is_an_error_wherever_it_is_read(adata: AnnData, tmp_path: Path, unchanged) -> None:
    with_replicates(adata, layers="disk", sample_covariance="disk", directory=tmp_path / "store")
    expected = np.asarray(adata.layers[KEY])
    for chunk in (tmp_path / "store").rglob("c/*"):
        shutil.rmtree(chunk)
    reads = [
        lambda: np.asarray(adata.layers[KEY]),
        lambda: np.asarray(adata.varm["kompot_de_Young_sample_weights"]),
        lambda: kp.get.sample_covariance(adata, "Gene0007", cells=[0, 1]),
        lambda: kp.get.layer(adata, "std_group", genes=["Gene0007"]),
        lambda: adata.write_h5ad(tmp_path / "lost.h5ad"),
        adata.to_memory,
    ]
    with unchanged(adata):
        for read in reads:
            with pytest.raises(LookupError, match="on disk is gone .*kp.tl.restore_layers"):
                read()
        genes = list(adata.var_names[:4])
        with pytest.raises(LookupError, match="on disk is gone .*comes back with `kp.tl.de`"):
            with_replicates(adata, genes=genes, overwrite=True, sample_covariance="disk", directory=tmp_path / "store")
    kp.tl.restore_layers(adata)
    np.testing.assert_allclose(np.asarray(adata.layers[KEY]), expected, atol=2e-6)
    with pytest.raises(LookupError, match="comes back with `kp.tl.de`"):
        np.asarray(adata.layers["kompot_de_Young_std_sample_var"])


def test_pickled_data_carry_what_is_on_disk(adata: AnnData, tmp_path: Path) -> None:
    with_replicates(adata, layers="disk", sample_covariance="disk", directory=tmp_path)
    covariance = kp.get.sample_covariance(adata, "Gene0007", cells=np.arange(5))
    layers = {key: np.asarray(adata.layers[key]) for key in adata.layers if key and key.startswith("kompot")}
    copied, pickled = copy.deepcopy(adata), pickle.dumps(adata)
    del adata
    gc.collect()
    for other in (copied, pickle.loads(pickled)):
        np.testing.assert_array_equal(kp.get.sample_covariance(other, "Gene0007", cells=np.arange(5)), covariance)
        for key, values in layers.items():
            np.testing.assert_array_equal(np.asarray(other.layers[key]), values)
