"""Weighted nearest neighbours of several modalities, by muon."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from anndata import AnnData
from mudata import MuData

from kompot_scverse._data.cells import CellMap
from kompot_scverse._data.errors import in_modality, missing
from kompot_scverse._data.representation_check import warn_of_picture
from kompot_scverse._data.resolve import check_finite, representation

from ._graph import OWN_GRAPH

CANDIDATES = 200
"""Neighbours in each modality among which muon looks for joint ones."""


def add_joint_neighbors(
    mdata: MuData, names: list[str], use_rep: str | Mapping[str, str] | None, n_neighbors: int, seed: int
) -> dict[str, Any]:
    """Compute the joint graph of the cells that all modalities have; returns what is recorded."""
    wanted = use_rep if isinstance(use_rep, Mapping) else dict.fromkeys(names, use_rep or "X_pca")
    for name in names:
        if name not in wanted:
            raise missing("representation of modality (`use_rep`)", name, wanted)
    cells = CellMap(mdata)
    rows = np.arange(mdata.n_obs)
    for name in names:
        rows = np.intersect1d(rows, cells.rows(name))
    if len(rows) <= n_neighbors + 1:
        raise ValueError(f"Only {len(rows):,} cells have all of the modalities {', '.join(names)}.")
    keys, values = {}, {}
    for name in names:
        with in_modality(name):
            keys[name], x = representation(mdata.mod[name], wanted[name])
            warn_of_picture(keys[name])
            place = np.full(mdata.n_obs, -1)
            place[cells.rows(name)] = np.arange(len(x))
            values[name] = x[place[rows]]
            check_finite(values[name], np.ones(len(rows), dtype=bool), keys[name])
    graph, entry = weighted_neighbors(values, n_neighbors, seed)
    entry["params"] = dict(entry["params"]) | {"use_rep": keys}
    for key in ("connectivities", "distances"):
        own = sp.coo_array(graph.obsp[entry[f"{key}_key"]])
        shape = (mdata.n_obs, mdata.n_obs)
        mdata.obsp[entry[f"{key}_key"]] = sp.csr_matrix((own.data, (rows[own.row], rows[own.col])), shape=shape)
    mdata.uns[OWN_GRAPH] = entry
    return {"use_rep": keys, "n_neighbors": n_neighbors}


def weighted_neighbors(values: dict[str, np.ndarray], n_neighbors: int, seed: int) -> tuple[Any, dict[str, Any]]:
    """
    Call muon on an object of its own, with the same cells in all modalities.

    It mixes up the cells where a modality lacks some.
    """
    import muon as mu
    import scanpy as sc

    parts = {name: AnnData(obsm=cast("Any", {"X_states": x.astype(np.float32)})) for name, x in values.items()}
    for part in parts.values():
        sc.pp.neighbors(part, n_neighbors=n_neighbors, use_rep="X_states", random_state=seed)
    whole = MuData(parts)
    mu.pp.neighbors(
        whole,
        n_neighbors=n_neighbors,
        n_multineighbors=min(CANDIDATES, whole.n_obs - 2),
        key_added=OWN_GRAPH,
        random_state=seed,
    )
    return whole, dict(whole.uns[OWN_GRAPH])
