"""The joint graph is of the cells that all modalities have, in the order of the whole."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from kompot_scverse.pp import _joint_graph as module
from kompot_scverse.pp._joint_graph import add_joint_neighbors


@pytest.fixture
def mdata() -> MuData:
    """Cells c0 to c29, of which the second modality lacks five and has the others in another order."""
    rng, order = np.random.default_rng(0), np.random.default_rng(1).permutation(30)[:25]
    parts = {}
    for name, rows in (("rna", np.arange(30)), ("prot", order)):
        obs = pd.DataFrame(index=[f"c{row}" for row in rows])
        parts[name] = AnnData(np.zeros((len(rows), 1)), obs=obs, var=pd.DataFrame(index=[name]))
        # the cell is written into its representation
        parts[name].obsm["X_pca"] = np.column_stack([rows, rng.normal(size=(len(rows), 2))])
    return MuData(parts)


def test_cells_are_matched_by_name_and_placed_in_the_whole(mdata: MuData, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def neighbors(values: dict[str, np.ndarray], n_neighbors: int, seed: int):
        seen.update(values)
        n = len(values["rna"])
        ring = sp.csr_matrix(np.roll(np.eye(n), 1, axis=1))
        entry = {"connectivities_key": "kompot_neighbors_connectivities", "distances_key": "kompot_neighbors_distances"}
        return AnnData(obsp=dict.fromkeys(entry.values(), ring), shape=(n, 1)), entry | {"params": {}}

    monkeypatch.setattr(module, "weighted_neighbors", neighbors)
    record = add_joint_neighbors(mdata, ["rna", "prot"], None, 4, 0)
    np.testing.assert_array_equal(seen["rna"][:, 0], seen["prot"][:, 0])
    names = [f"c{int(row)}" for row in seen["rna"][:, 0]]
    graph = pd.DataFrame(
        mdata.obsp["kompot_neighbors_connectivities"].toarray(), index=mdata.obs_names, columns=mdata.obs_names
    )
    for first, second in zip(names, names[1:] + names[:1], strict=True):
        assert graph.loc[first, second] == 1
    assert graph.to_numpy().sum() == len(names) == 25
    assert record == {"use_rep": {"rna": "X_pca", "prot": "X_pca"}, "n_neighbors": 4}


def test_too_few_cells_and_unnamed_representations(mdata: MuData) -> None:
    with pytest.raises(ValueError, match="Only 25 cells have all of the modalities rna, prot"):
        add_joint_neighbors(mdata, ["rna", "prot"], None, 30, 0)
    with pytest.raises(KeyError, match="prot"):
        add_joint_neighbors(mdata, ["rna", "prot"], {"rna": "X_pca"}, 4, 0)
