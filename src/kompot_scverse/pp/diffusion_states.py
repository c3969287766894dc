"""Diffusion components as cell states."""

from typing import Any, cast

import numpy as np
from anndata import AnnData

from kompot_scverse._arguments import check_at_least, seed_of
from kompot_scverse._data.errors import in_modality, missing
from kompot_scverse._data.holders import Data, check_changeable, check_data, one_modality, split_name
from kompot_scverse._data.representation_check import warn_of_picture
from kompot_scverse._data.resolve import check_finite, representation, spellings
from kompot_scverse._keys import check_key
from kompot_scverse._messages import logger

from ._graph import OWN_GRAPH, connectivities, store_states


def diffusion_states(
    data: Data,
    *,
    use_rep: str | None = None,
    mod: str | None = None,
    n_components: int | None = None,
    n_neighbors: int = 30,
    neighbors_key: str | None = None,
    key_added: str = "X_diffusion",
    rng: int = 0,
) -> None:
    r"""
    Multiscale diffusion components as the representation of cell states.

    The leading eigenvectors of the transitions on a neighbour graph (Coifman & Lafon 2006), each multiplied by
    :math:`\lambda / (1 - \lambda)`, so that distances count the paths of all lengths (Setty et al. 2019). The first one, which
    is constant, is left out. Without `use_rep=`, the tools take what this function wrote.

    Parameters
    ----------
    data
        Annotated data; changed in place.
    use_rep
        What the neighbours are found in, a key of obsm; None for `X_pca`.
    mod
        Modality of a MuData; may be left out if it has only one. For all modalities together see :func:`joint_states`.
    n_components
        Number of components; None for those before the largest gap between the first ten eigenvalues, at least two.
    n_neighbors
        Neighbours of a cell, where the graph is computed (by `sc.pp.neighbors` with `method="gauss"`).
    neighbors_key
        A graph that exists, by its key in uns (`"neighbors"` is that of `sc.pp.neighbors`). None computes one, as
        `uns["kompot_neighbors"]`, and leaves others as they are.
    key_added
        Key in obsm; what the states were made of is in uns as JSON, under the same name without `X_`.
    rng
        Seed of the neighbour search and of the eigenvectors.

    Returns
    -------
    None. Written are obsm `X_diffusion` (cells × components) and uns `diffusion`; and, where the graph was computed, what
    `sc.pp.neighbors` writes under `kompot_neighbors`. In a MuData, all of it is in the modality.

    Raises
    ------
    KeyError
        If the representation or the graph does not exist.
    ValueError
        If the graph has parts without a connection, or a cell has no state in `use_rep`.

    References
    ----------
    Coifman & Lafon (2006), Appl. Comput. Harmon. Anal. 21, 5; Haghverdi et al. (2015), Bioinformatics 31, 2989; Setty et al.
    (2019), Palantir, Nature Biotechnology 37, 451.

    Examples
    --------
    >>> import kompot_scverse as kp, scanpy as sc
    >>> adata = kp.datasets.simulate(600, 100)
    >>> sc.pp.pca(adata, layer="logged_counts", n_comps=10)
    >>> kp.pp.diffusion_states(adata, n_components=5)
    >>> adata.obsm["X_diffusion"].shape
    (600, 5)
    """
    check_key(key_added)
    check_at_least(1, n_components=n_components, n_neighbors=n_neighbors)
    check_changeable(check_data(data, mod))
    name, own, use_rep = _holder(data, mod, use_rep)
    with in_modality(name):
        record: dict[str, Any] = {"rng": seed_of(rng)}
        if neighbors_key is None:
            neighbors_key = OWN_GRAPH
            record |= _add_neighbors(own, use_rep, n_neighbors, rng)
        elif use_rep is not None:
            raise TypeError("The graph that `neighbors_key` names has its representation already; leave out `use_rep`.")
        record["neighbors_key"] = neighbors_key
        store_states(own, connectivities(own, neighbors_key), None, n_components, key_added, rng, record)
    logger.info("%d diffusion components are in obsm[%r].", own.obsm[key_added].shape[1], key_added)


def _holder(data: Any, mod: str | None, use_rep: str | None) -> tuple[str, Any, str | None]:
    """Modality, the object that is changed, and the key of the representation there."""
    if not hasattr(data, "mod"):
        return "", data, use_rep
    named = "" if use_rep is None else split_name(data, use_rep)[0]
    if named and use_rep is not None:
        if mod is not None and mod != named:
            raise ValueError(f"`use_rep={use_rep!r}` is of modality {named!r}, not of `mod={mod!r}`.")
        mod, use_rep = named, split_name(data, use_rep)[1]
    name = one_modality(data, mod)
    if name is None:
        if len(data.mod) != 1:
            raise ValueError(
                f"Say which modality the states are computed from (`mod=`: {', '.join(map(repr, data.mod))}), or call "
                "`kp.pp.joint_states` for all together."
            )
        name = next(iter(data.mod))
    return name, data.mod[name], use_rep


def _add_neighbors(adata: AnnData, use_rep: str | None, n_neighbors: int, seed: int) -> dict[str, Any]:
    """Compute the graph as scanpy does, under a key of our own; returns what is recorded."""
    import scanpy as sc

    wanted = use_rep or "X_pca"
    if use_rep is None and not any(key in adata.obsm for key in spellings(wanted)):
        raise missing("representation in obsm", wanted, adata.obsm, "Run `sc.pp.pca` or pass `use_rep=`.")
    key, x = representation(adata, wanted)
    warn_of_picture(key)
    check_finite(x, np.ones(len(x), dtype=bool), key)
    # alone, so that scanpy neither reads nor marks anything else
    part = AnnData(obsm=cast("Any", {"X_states": x.astype(np.float32)}))
    # the kernel of Haghverdi et al.; that of UMAP finds the same states and takes a quarter of a minute to compile
    sc.pp.neighbors(
        part, n_neighbors=n_neighbors, use_rep="X_states", method="gauss", key_added=OWN_GRAPH, random_state=seed
    )
    for name in part.obsp:
        adata.obsp[name] = part.obsp[name]
    entry = dict(part.uns[OWN_GRAPH])
    entry["params"] = dict(entry["params"]) | {"use_rep": key}
    adata.uns[OWN_GRAPH] = entry
    return {"use_rep": key, "n_neighbors": n_neighbors}
