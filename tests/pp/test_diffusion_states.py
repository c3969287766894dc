"""Diffusion components as cell states."""

import json
import logging

import numpy as np
import pytest
import scipy.sparse as sp
from mudata import MuData

from kompot_scverse._data.resolve import representation
from kompot_scverse._stats.diffusion import diffusion_components
from kompot_scverse.pp import diffusion_states


@pytest.fixture(scope="module")
def computed(simulated):
    """Of principal components, by scanpy."""
    import scanpy as sc

    adata = simulated.copy()
    del adata.obsm["DM_EigenVectors"]
    sc.pp.pca(adata, layer="logged_counts", n_comps=10)
    adata.uns["neighbors"] = {"mine": 1}
    diffusion_states(adata, n_neighbors=20)
    return adata


def test_states_are_diffusion_components_of_the_graph_and_recorded(computed):
    record = json.loads(computed.uns["diffusion"])
    found = diffusion_components(computed.obsp["kompot_neighbors_connectivities"], 10)
    n = record["n_components"]
    assert 2 <= n <= 10
    np.testing.assert_allclose(computed.obsm["X_diffusion"], found.states(n), rtol=1e-6)
    np.testing.assert_allclose(record["eigenvalues"], found.eigenvalues, rtol=1e-5)
    assert record["chosen_by"] == "eigengap"
    assert record["neighbors_key"] == "kompot_neighbors"
    assert record["n_neighbors"] == 20
    assert record["use_rep"] == computed.uns["kompot_neighbors"]["params"]["use_rep"]
    assert record["use_rep"] in ("X_pca", "pca")


def test_the_graph_is_that_of_scanpy_and_that_of_the_user_stays(computed):
    import scanpy as sc

    other = computed.copy()
    del other.uns["neighbors"]
    use_rep = json.loads(computed.uns["diffusion"])["use_rep"]
    sc.pp.neighbors(other, n_neighbors=20, use_rep=use_rep, method="gauss", key_added="again")
    difference = other.obsp["again_connectivities"] - computed.obsp["kompot_neighbors_connectivities"]
    np.testing.assert_allclose(difference.toarray(), 0, atol=1e-4)
    assert computed.uns["neighbors"] == {"mine": 1}
    assert "connectivities" not in computed.obsp


def test_they_follow_the_states_that_the_graph_is_of(simulated):
    """A linear function of them explains the widest coordinates."""
    adata = simulated.copy()
    diffusion_states(adata, use_rep="DM_EigenVectors", n_components=8)
    design = np.column_stack([np.ones(adata.n_obs), adata.obsm["X_diffusion"]])
    truth = simulated.obsm["DM_EigenVectors"][:, :2]
    fitted = design @ np.linalg.lstsq(design, truth, rcond=None)[0]
    assert (1 - (truth - fitted).var(axis=0) / truth.var(axis=0) > 0.9).all()


def test_tools_take_them_by_default(computed):
    assert representation(computed, None)[0] == "X_diffusion"


def test_a_graph_that_exists(computed):
    other = computed.copy()
    diffusion_states(other, neighbors_key="kompot_neighbors", n_components=4, key_added="X_four")
    expected = diffusion_components(computed.obsp["kompot_neighbors_connectivities"], 4).states(4)
    np.testing.assert_allclose(other.obsm["X_four"], expected, rtol=1e-6)
    assert json.loads(other.uns["four"])["chosen_by"] == "user"
    with pytest.raises(KeyError, match="No neighbour graph in uns 'wnn'"):
        diffusion_states(other, neighbors_key="wnn")
    with pytest.raises(TypeError, match="leave out `use_rep`"):
        diffusion_states(other, neighbors_key="kompot_neighbors", use_rep="X_pca")


def test_a_modality(computed):
    prot = computed[:, :5].copy()
    prot.var_names = [f"protein {number}" for number in range(5)]
    mdata = MuData({"rna": computed[:, 5:].copy(), "prot": prot})
    arguments = {"neighbors_key": "kompot_neighbors", "key_added": "X_own"}
    diffusion_states(mdata, mod="rna", **arguments)
    np.testing.assert_allclose(mdata["rna"].obsm["X_own"], computed.obsm["X_diffusion"], rtol=1e-6)
    assert "X_own" not in mdata["prot"].obsm
    with pytest.raises(ValueError, match=r"which modality.*'rna', 'prot'.*joint_states"):
        diffusion_states(mdata, **arguments)
    with pytest.raises(ValueError, match="is of modality 'prot', not of `mod='rna'`"):
        diffusion_states(mdata, mod="rna", use_rep="prot:X_pca")


def test_wrong_arguments(adata, caplog):
    with pytest.raises(KeyError, match=r"'X_pca'.*Run `sc.pp.pca`"):
        diffusion_states(adata)
    with pytest.raises(ValueError, match="at least 1"):
        diffusion_states(adata, n_components=0)
    adata.obsm["X_pca"] = np.full((adata.n_obs, 3), np.nan)
    with pytest.raises(ValueError, match="NaN or infinite"):
        diffusion_states(adata)
    adata.obsp["connectivities"] = sp.block_diag([sp.coo_array(np.ones((300, 300)))] * 2, format="csr")
    adata.uns["neighbors"] = {"params": {}}
    with caplog.at_level(logging.WARNING, "kompot_scverse"), pytest.raises(ValueError, match="2 parts"):
        diffusion_states(adata, neighbors_key="neighbors")
