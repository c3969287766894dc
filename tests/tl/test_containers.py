"""Every container of expression gives the numbers of the dense one."""

import anndata as ad
import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import kompot_scverse as kp

DISTANCE = "kompot_de_Young_to_Old_mahalanobis"


@pytest.fixture(scope="module")
def adata():
    adata = kp.datasets.simulate(800, 120)
    adata.X = adata.layers.pop("logged_counts")
    return adata


def distances(adata):
    kp.tl.de(adata, "Age", reference="Young", groups="Old", fdr=kp.FDRSettings(null_genes=50), overwrite=True)
    return np.asarray(adata.var[DISTANCE])


@pytest.fixture(scope="module")
def expected(adata):
    dense = adata.copy()
    dense.X = adata.X.toarray().astype(np.float64)
    return distances(dense)


CONVERT = {
    "dense float32": lambda x: x.toarray(),
    "csr_matrix": sp.csr_matrix,
    "csr_array": sp.csr_array,
    "csc_matrix": sp.csc_matrix,
    "csc_array": sp.csc_array,
    "dask dense": lambda x: da.from_array(x.toarray(), chunks=(130, 50)),
    "dask csr": lambda x: da.from_array(sp.csr_matrix(x), chunks=(130, 120), asarray=False),
}


@pytest.mark.parametrize("container", CONVERT)
def test_memory_and_dask(adata, expected, container):
    other = adata.copy()
    other.X = CONVERT[container](adata.X)
    # float32 products: relative error measured at 1e-5
    np.testing.assert_allclose(distances(other), expected, rtol=2e-4)


def test_backed(adata, expected, tmp_path):
    adata.write_h5ad(tmp_path / "a.h5ad")
    backed = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    np.testing.assert_allclose(distances(backed), expected, rtol=2e-4)
    backed.file.close()


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
@pytest.mark.filterwarnings("ignore::anndata.ExperimentalFeatureWarning")
def test_read_lazy(adata, expected, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    getattr(adata, f"write_{suffix}")(path)
    lazy = ad.experimental.read_lazy(path)
    np.testing.assert_allclose(distances(lazy), expected, rtol=2e-4)


def test_dataframe_in_obsm(adata, expected):
    other = adata.copy()
    x = other.obsm["DM_EigenVectors"]
    other.obsm["DM_EigenVectors"] = pd.DataFrame(x, index=other.obs_names, columns=[f"c{i}" for i in range(x.shape[1])])
    np.testing.assert_allclose(distances(other), expected, rtol=2e-4)


@pytest.mark.filterwarnings("ignore:Sending large graph:UserWarning")
def test_distributed_workers(adata, expected):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        for container in ("csr_matrix", "dask csr"):
            other = adata.copy()
            other.X = CONVERT[container](adata.X)
            np.testing.assert_allclose(distances(other), expected, rtol=2e-4)


def test_counts_are_worth_a_warning():
    adata = kp.datasets.simulate(400, 30)
    with pytest.warns(UserWarning, match="look like counts"):
        kp.tl.de(adata, "Age", reference="Young", groups="Old", fdr=kp.FDRSettings(null_genes=0))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_number_of_threads_changes_nothing(adata, workers):
    with dask.config.set(scheduler="synchronous"):
        alone = distances(adata.copy())
    with dask.config.set(scheduler="threads", num_workers=workers):
        np.testing.assert_allclose(distances(adata.copy()), alone, rtol=1e-6)
