"""On the workers of a cluster, which read files themselves and may be lost, the numbers are those of this process."""

import os
import signal
import threading
import time

import anndata as ad
import dask
import dask.array as da
import numpy as np
import pytest
import scipy.sparse as sp
import zarr

import kompot_scverse as kp
from kompot_scverse._data import stored_rows
from kompot_scverse._gp import over_cells
from kompot_scverse._gp.points import piece

DESIGN = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
DE, DA = "kompot_de_Young_to_Old", "kompot_da_Young_to_Old"
FIELDS = {
    "var": [f"{DE}_mahalanobis_sample_var", f"{DE}_pvalue", f"{DE}_mean_lfc"],
    "obs": [f"{DE}_support", f"{DA}_lfc", f"{DA}_lfc_zscore_sample_var", f"{DA}_lfc_qvalue"],
}


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 3, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with (
        # how long the others look for a worker that is gone
        dask.config.set({"distributed.comm.timeouts.connect": "2s"}),
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def analyse(adata):
    kp.tl.de(adata, "Age", **DESIGN)
    kp.tl.da(adata, "Age", **DESIGN)
    found = {name: np.asarray(getattr(adata, slot)[name]) for slot, names in FIELDS.items() for name in names}
    return found | {"layer": np.asarray(adata.layers[f"{DE}_fold_change"])}


@pytest.fixture(scope="module")
def study(simulated):
    adata = simulated.copy()
    adata.X = sp.csr_matrix(adata.layers["logged_counts"])
    del adata.layers["logged_counts"]
    return adata


@pytest.fixture(scope="module")
def expected(study):
    return analyse(study.copy())


def same(found, expected):
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=2e-4, atol=1e-5, err_msg=name)


def kill_one(client, started):
    """End a worker, as the system would for want of memory, once some of its results wait for others."""
    ids = client.run(os.getpid)
    started.set()
    scheduler, until = client.cluster.scheduler, time.monotonic() + 60
    while time.monotonic() < until:
        holding = [address for address, worker in list(scheduler.workers.items()) if worker.has_what]
        if holding and holding[0] in ids:
            os.kill(ids[holding[0]], signal.SIGKILL)
            return
        time.sleep(0.001)


def in_file(study, path):
    """The study with its expression in an HDF5 file or a zarr store."""
    if path.suffix == ".h5ad":
        study.write_h5ad(path)
        return ad.read_h5ad(path, backed="r")
    study.write_zarr(path)
    x = ad.io.sparse_dataset(zarr.open(path, mode="r")["X"])
    return ad.AnnData(x, obs=study.obs, var=study.var, obsm=dict(study.obsm))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(stored_rows, "DISK_ROWS", (50, 50))
    # some rows of the expression belong to two blocks of the representation
    monkeypatch.setattr(over_cells, "BLOCK_ON_WORKER", 70)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", ["study.h5ad", "study.zarr"])
def test_workers_open_the_file_themselves_and_one_may_be_lost(client, study, expected, tmp_path, name, monkeypatch):
    data = in_file(study, tmp_path / name)
    sent = []
    monkeypatch.setattr(over_cells, "piece", lambda values, rows: sent.append(len(values)) or piece(values, rows))
    started = threading.Event()
    killer = threading.Thread(target=kill_one, args=(client, started))
    if name.endswith("h5ad"):
        killer.start()
        started.wait()
    with client.as_current():
        found = analyse(data)
    same(found, expected)
    # of the representation, only what the basis is fitted to, if that is not all
    assert study.n_obs not in sent
    if name.endswith("h5ad"):
        killer.join()
        data.file.close()


def test_what_is_in_memory_or_lazy_is_sent_in_pieces(client, study, expected):
    for x in (study.X, da.from_array(study.X, chunks=(130, 60), asarray=False)):
        other = study.copy()
        other.X = x
        with client.as_current():
            kp.tl.de(other, "Age", **DESIGN)
        name = f"{DE}_pvalue"
        np.testing.assert_allclose(other.var[name], expected[name], rtol=2e-4)


def test_lazy_layers_are_computed_on_workers(client, study):
    adata = study.copy()
    for storage in (kp.StorageSettings(), kp.StorageSettings(basis=None)):
        kp.tl.smooth(adata, genes=["Gene0001", "Gene0003"], storage=storage, overwrite=True)
        layer = adata.layers["kompot_smooth_imputed"]
        here = np.asarray(layer)
        with client.as_current():
            np.testing.assert_allclose(layer.compute(), here, rtol=1e-5, atol=1e-6)
