"""Graphs that are named in uns, and states that are recorded with what they are of."""

import json

import numpy as np
import pytest
import scipy.sparse as sp
from anndata import AnnData

from kompot_scverse._stats.diffusion import diffusion_components
from kompot_scverse.pp._graph import connectivities, store_states


@pytest.fixture
def line() -> AnnData:
    """Twenty cells in a row, each with its neighbours."""
    adata = AnnData(np.zeros((20, 1)))
    adata.obsp["own"] = sp.csr_matrix(np.eye(20, k=1) + np.eye(20, k=-1))
    adata.uns["graph"] = {"connectivities_key": "own"}
    return adata


def test_graphs_are_found_by_the_key_in_uns(line: AnnData) -> None:
    assert (connectivities(line, "graph") != line.obsp["own"]).nnz == 0
    with pytest.raises(KeyError, match=r"neighbour graph in uns .*sc.pp.neighbors"):
        connectivities(line, "neighbors")
    line.uns["graph"] = {}
    with pytest.raises(KeyError, match="connectivities in obsp"):
        connectivities(line, "graph")


def test_states_of_some_cells_and_their_record(line: AnnData) -> None:
    rows = np.arange(2, 20)
    graph = line.obsp["own"][2:, 2:]
    store_states(line, graph, rows, 3, "X_own", 0, {"n_cells": 18})
    assert np.isnan(line.obsm["X_own"][:2]).all()
    np.testing.assert_allclose(line.obsm["X_own"][2:], diffusion_components(graph, 3, 0).states(3))
    record = json.loads(line.uns["own"])
    assert (record["n_components"], record["chosen_by"], record["n_cells"]) == (3, "user", 18)


def test_the_number_of_components_follows_the_eigenvalues(line: AnnData) -> None:
    store_states(line, line.obsp["own"], None, None, "X_own", 0, {})
    record = json.loads(line.uns["own"])
    assert record["chosen_by"] == "eigengap"
    assert line.obsm["X_own"].shape == (20, record["n_components"])
    gaps = -np.diff(record["eigenvalues"])
    assert gaps[record["n_components"] - 1] == pytest.approx(gaps[1:].max(), rel=1e-3)
