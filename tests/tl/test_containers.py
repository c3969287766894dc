"""Tables and threads give the numbers of dense expression; see also test_every_container.py and test_cluster.py."""

import dask
import numpy as np
import pandas as pd
import pytest

import kompot_scverse as kp

DISTANCE = "kompot_de_Young_to_Old_mahalanobis"


@pytest.fixture(scope="module")
def adata():
    adata = kp.datasets.simulate(800, 120)
    adata.X = adata.layers.pop("logged_counts")
    return adata


def distances(adata):
    kp.tl.de(adata, "Age", reference="Young", groups="Old", test=kp.TestSettings(null_genes=50), overwrite=True)
    return np.asarray(adata.var[DISTANCE])


@pytest.fixture(scope="module")
def expected(adata):
    dense = adata.copy()
    dense.X = adata.X.toarray().astype(np.float64)
    return distances(dense)


def test_dataframe_in_obsm(adata, expected):
    other = adata.copy()
    x = other.obsm["DM_EigenVectors"]
    other.obsm["DM_EigenVectors"] = pd.DataFrame(x, index=other.obs_names, columns=[f"c{i}" for i in range(x.shape[1])])
    np.testing.assert_allclose(distances(other), expected, rtol=2e-4)


def test_counts_are_worth_a_warning():
    adata = kp.datasets.simulate(400, 30)
    with pytest.warns(UserWarning, match="look like counts"):
        kp.tl.de(adata, "Age", reference="Young", groups="Old", test=kp.TestSettings(null_genes=0))


@pytest.fixture(scope="module")
def alone(adata):
    with dask.config.set(scheduler="synchronous"):
        return distances(adata.copy())


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_number_of_threads_changes_nothing(adata, alone, workers):
    with dask.config.set(scheduler="threads", num_workers=workers):
        np.testing.assert_allclose(distances(adata.copy()), alone, rtol=1e-6)
