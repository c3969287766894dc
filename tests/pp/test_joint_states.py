"""Joint states of several modalities."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from kompot_scverse._data.targets import resolve_targets
from kompot_scverse._stats.diffusion import diffusion_components
from kompot_scverse.pp import joint_states

N = 120


def modality(rows: np.ndarray, column: int, prefix: str) -> AnnData:
    """Cells on a ring, of which a modality sees one coordinate, twice."""
    angle = np.linspace(0, 2 * np.pi, N, endpoint=False)
    noise = 0.02 * np.random.default_rng(column).standard_normal((N, 2))
    seen = np.column_stack([np.cos(angle), np.sin(angle)])[:, [column, column]] + noise
    adata = AnnData(seen[rows].astype("float32"))
    adata.obs_names = [f"cell{row}" for row in rows]
    adata.var_names = [f"{prefix}{number}" for number in range(2)]
    adata.obsm["X_pca"] = adata.X.copy()
    return adata


def ring(rows_of_prot: np.ndarray | None = None) -> MuData:
    rows = np.arange(N) if rows_of_prot is None else rows_of_prot
    return MuData({"rna": modality(np.arange(N), 0, "g"), "prot": modality(rows, 1, "p")})


def with_graph(mdata: MuData) -> MuData:
    """Each cell with its neighbours on the ring, as weights."""
    mdata.obsp["wnn"] = sp.csr_matrix(
        sum(np.roll(np.eye(N), shift, axis=1) / abs(shift) for shift in (-3, -2, -1, 1, 2, 3))
    )
    mdata.uns["wnn"] = {"connectivities_key": "wnn"}
    return mdata


def test_states_of_a_graph_that_exists():
    mdata = with_graph(ring())
    joint_states(mdata, neighbors_key="wnn", n_components=2)
    expected = diffusion_components(mdata.obsp["wnn"], 2).states(2)
    np.testing.assert_allclose(mdata.obsm["X_joint"], expected)
    record = json.loads(mdata.uns["joint"])
    assert record["n_cells"] == N
    assert record["neighbors_key"] == "wnn"
    assert resolve_targets(mdata, None, None).use_rep == "X_joint"


def neighbors_of_all(values: dict[str, np.ndarray], n_neighbors: int, seed: int) -> tuple[AnnData, dict]:
    """Nearest neighbours in all modalities side by side, in the form of muon's, which takes a minute to compile."""
    from sklearn.neighbors import kneighbors_graph

    graph = kneighbors_graph(np.column_stack(list(values.values())), n_neighbors)
    entry = {"connectivities_key": "kompot_neighbors_connectivities", "distances_key": "kompot_neighbors_distances"}
    whole = AnnData(obsp=dict.fromkeys(entry.values(), graph), obs=pd.DataFrame(index=map(str, range(graph.shape[0]))))
    return whole, entry | {"params": {"n_neighbors": n_neighbors}}


def test_modalities_see_more_together(monkeypatch):
    """One coordinate alone takes both sides of the ring for one; both together tell them apart. Cells are in any order."""
    monkeypatch.setattr("kompot_scverse.pp._joint_graph.weighted_neighbors", neighbors_of_all)
    order = np.random.default_rng(0).permutation(N)[: N - 10]
    mdata = ring(order)
    names = mdata.obs_names.to_list()
    joint_states(mdata, n_components=2, n_neighbors=10)
    states = mdata.obsm["X_joint"]
    present = np.isin(np.array(names), mdata["prot"].obs_names)
    assert np.isnan(states[~present]).all()
    assert np.isfinite(states[present]).all()
    angle = np.array([int(name[4:]) for name in np.array(names)[present]]) / N * 2 * np.pi
    truth = np.column_stack([np.cos(angle), np.sin(angle)])
    fitted = np.column_stack([np.ones(len(truth)), states[present]])
    residual = truth - fitted @ np.linalg.lstsq(fitted, truth, rcond=None)[0]
    assert (residual.var(axis=0) < 0.1 * truth.var(axis=0)).all()
    graph = mdata.obsp["kompot_neighbors_connectivities"]
    assert graph.shape == (N, N)
    assert graph[~present].nnz == graph[:, ~present].nnz == 0
    assert json.loads(mdata.uns["joint"])["use_rep"] == {"rna": "X_pca", "prot": "X_pca"}


def test_cells_that_lack_a_modality_have_no_state_and_are_counted(caplog):
    mdata = with_graph(ring())
    graph = mdata.obsp["wnn"].tolil()
    graph[:5], graph[:, :5] = 0, 0
    mdata.obsp["wnn"] = sp.csr_matrix(graph)
    with caplog.at_level(logging.WARNING, "kompot_scverse"):
        joint_states(mdata, neighbors_key="wnn", n_components=3)
    assert "5 of 120 cells lack a modality" in caplog.text
    assert np.isnan(mdata.obsm["X_joint"][:5]).all()
    np.testing.assert_allclose(mdata.obsm["X_joint"][5:], diffusion_components(graph[5:, 5:], 3).states(3))


def test_wrong_arguments(adata):
    mdata = with_graph(ring())
    with pytest.raises(TypeError, match=r"MuData, not AnnData; `kp.pp.diffusion_states`"):
        joint_states(adata)
    with pytest.raises(ValueError, match="need two modalities"):
        joint_states(mdata, mod=["rna"])
    with pytest.raises(KeyError, match="of modality .* 'prot'"):
        joint_states(mdata, use_rep={"rna": "X_pca"})
    with pytest.raises(KeyError, match="X_lsi") as caught:
        joint_states(mdata, use_rep={"rna": "X_pca", "prot": "X_lsi"})
    assert "about modality 'prot'" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match="leave out `use_rep`"):
        joint_states(mdata, use_rep="X_pca", neighbors_key="wnn")
    mdata["rna"].obsm["X_pca"][3] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite for 1 of"):
        joint_states(mdata)
