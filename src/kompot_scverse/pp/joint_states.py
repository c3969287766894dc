"""Joint cell states of several modalities."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from mudata import MuData

from kompot_scverse._arguments import check_at_least
from kompot_scverse._data.holders import check_changeable, check_data, modality_names
from kompot_scverse._keys import check_key
from kompot_scverse._messages import logger

from ._graph import OWN_GRAPH, connectivities, store_states
from ._joint_graph import add_joint_neighbors


def joint_states(
    data: MuData,
    *,
    use_rep: str | Mapping[str, str] | None = None,
    mod: Sequence[str] | None = None,
    n_components: int | None = None,
    n_neighbors: int = 30,
    neighbors_key: str | None = None,
    key_added: str = "X_joint",
    rng: int = 0,
) -> None:
    r"""
    Joint cell states of several modalities: diffusion components of their weighted nearest neighbours.

    The neighbours are those of `mu.pp.neighbors` (Hao et al. 2021), in which every cell weights its modalities by how well
    each predicts it. The states are the diffusion components of this graph, as in :func:`diffusion_states`. Without
    `use_rep=`, the tools take them.

    Parameters
    ----------
    data
        MuData; changed in place.
    use_rep
        Representation of each modality, one key of obsm for all or a dict; None for `X_pca`.
    mod
        The modalities, two at least; None for all.
    n_components
        Number of components; None for those before the largest gap between the first ten eigenvalues, at least two.
    n_neighbors
        Neighbours of a cell, where the graph is computed.
    neighbors_key
        A graph of all modalities that exists, by its key in `mdata.uns`. None computes one, as `uns["kompot_neighbors"]`,
        and leaves others as they are.
    key_added
        Key in `mdata.obsm`; what the states were made of is in uns as JSON, under the same name without `X_`.
    rng
        Seed of the neighbour search and of the eigenvectors.

    Returns
    -------
    None. Written are obsm `X_joint` (cells × components) and uns `joint`; and, where the graph was computed, what
    `mu.pp.neighbors` writes under `kompot_neighbors`, without the weights of the modalities. Cells that lack a modality
    have no joint state: they get NaN, a warning counts them, and analyses have to leave them out (`mask_obs=`).

    Raises
    ------
    KeyError
        If a modality, its representation or the graph does not exist.
    ValueError
        If the graph has parts without a connection, or a cell no state in a modality.

    References
    ----------
    Hao et al. (2021), Cell 184, 3573; Bredikhin et al. (2022), Muon, Genome Biology 23, 42; and those of
    :func:`diffusion_states`.

    Examples
    --------
    Here of a graph that exists; without `neighbors_key=`, muon computes one.

    >>> import kompot_scverse as kp, scanpy as sc
    >>> from mudata import MuData
    >>> adata = kp.datasets.simulate(600, 100)
    >>> sc.pp.pca(adata, layer="logged_counts", n_comps=10)
    >>> sc.pp.neighbors(adata, method="gauss")
    >>> mdata = MuData({"rna": adata[:, :80].copy(), "prot": adata[:, 80:].copy()})
    >>> mdata.uns["wnn"], mdata.obsp["connectivities"] = adata.uns["neighbors"], adata.obsp["connectivities"]
    >>> kp.pp.joint_states(mdata, neighbors_key="wnn", n_components=5)
    >>> mdata.obsm["X_joint"].shape
    (600, 5)
    """
    check_key(key_added)
    check_at_least(1, n_components=n_components, n_neighbors=n_neighbors)
    if not hasattr(data, "mod"):
        raise TypeError(
            f"`data` must be a MuData, not {type(data).__name__}; `kp.pp.diffusion_states` is for one modality."
        )
    check_changeable(check_data(data, mod))
    names = modality_names(data, mod)
    if len(names) < 2:
        raise ValueError("Joint states need two modalities; `kp.pp.diffusion_states` is for one.")
    record: dict[str, Any] = {"mod": names, "rng": rng}
    if neighbors_key is None:
        neighbors_key = OWN_GRAPH
        record |= add_joint_neighbors(data, names, use_rep, n_neighbors, rng)
    elif use_rep is not None:
        raise TypeError("The graph that `neighbors_key` names has its representations already; leave out `use_rep`.")
    graph = sp.csr_array(connectivities(data, neighbors_key))
    # cells that lack a modality are in no graph
    rows = np.flatnonzero(graph.sum(axis=1) > 0)
    record |= {"neighbors_key": neighbors_key, "n_cells": len(rows)}
    if len(rows) == data.n_obs:
        store_states(data, graph, None, n_components, key_added, rng, record)
    else:
        logger.warning(
            "%s of %s cells lack a modality and have no joint state (NaN in obsm[%r]); leave them out with `mask_obs=`.",
            f"{data.n_obs - len(rows):,}", f"{data.n_obs:,}", key_added,
        )  # fmt: skip
        store_states(data, graph[rows][:, rows], rows, n_components, key_added, rng, record)
    logger.info("%d joint components are in obsm[%r].", data.obsm[key_added].shape[1], key_added)
