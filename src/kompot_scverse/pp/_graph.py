"""Neighbour graphs in obsp, and what is made of them and recorded."""

import json
from typing import Any

import numpy as np

from kompot_scverse._data.errors import missing
from kompot_scverse._stats.diffusion import MAX_COMPONENTS, by_eigengap, diffusion_components

OWN_GRAPH = "kompot_neighbors"
"""Key in uns of graphs that are computed here."""


def connectivities(data: Any, neighbors_key: str) -> Any:
    """The connectivities that a graph in uns names."""
    if neighbors_key not in data.uns:
        raise missing("neighbour graph in uns", neighbors_key, data.uns, "Run `sc.pp.neighbors`.")
    key = data.uns[neighbors_key].get("connectivities_key", "connectivities")
    if key not in data.obsp:
        raise missing("connectivities in obsp", key, data.obsp)
    return data.obsp[key]


def store_states(
    data: Any,
    graph: Any,
    rows: np.ndarray | None,
    n_components: int | None,
    key_added: str,
    seed: int,
    record: dict[str, Any],
) -> None:
    """
    Compute diffusion states, put them into obsm and what they are made of into uns, as JSON.

    Parameters
    ----------
    data
        AnnData or MuData.
    graph
        Connectivities of its cells, or of some of them.
    rows
        Which cells these are; others get NaN. None for all.
    n_components
        Number of components; None for the eigengap.
    key_added
        Key in obsm, and without "X_" in uns.
    seed
        Of the iteration.
    record
        What else is recorded.
    """
    found = diffusion_components(graph, n_components or min(MAX_COMPONENTS, graph.shape[0] - 2), seed)
    n = n_components or by_eigengap(found.eigenvalues)
    states = found.states(n)
    if rows is not None:
        values = np.full((data.n_obs, n), np.nan)
        values[rows] = states
        states = values
    record = record | {
        "n_components": n,
        "chosen_by": "eigengap" if n_components is None else "user",
        "eigenvalues": [float(f"{value:.6g}") for value in found.eigenvalues],
    }
    data.obsm[key_added] = states
    data.uns[key_added.removeprefix("X_")] = json.dumps(record)
