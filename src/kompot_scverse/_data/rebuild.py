"""Layers of a run, built again from what is kept of it."""

from typing import TYPE_CHECKING

import numpy as np
from anndata import AnnData

from .holders import holder
from .layers import lazy_average, lazy_product, lazy_std
from .provenance import Run, iterate_runs, overwriter

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["rebuild_layers"]


def rebuild_layers(adata: AnnData, run: Run) -> tuple[dict[str, "da.Array"], list[str]]:
    """
    The layers that a run wrote, lazy, from its basis and weights.

    Returns
    -------
    Layers by key, and the keys of those that cannot be built because the replicates' weights were dropped.

    Raises
    ------
    LookupError
        If the basis or the weights are gone or belong to a later run.
    """
    adata = holder(adata)
    places = {(entry["slot"], entry["statistic"]): entry["key"] for entry in run.fields}
    history = list(iterate_runs(adata))

    def read(slot: str, statistic: str) -> np.ndarray:
        key = places[slot, statistic]
        if key not in getattr(adata, slot):
            raise LookupError(f"{slot}[{key!r}] is gone; the layers of run {run.run_id} cannot be built without it.")
        writer = overwriter(history, run, slot, key)
        if writer is not None:
            raise LookupError(
                f"{slot}[{key!r}] was overwritten by run {writer.run_id}, so the layers of run {run.run_id} cannot be built. "
                f"Those of the later run can: `run_id={writer.run_id}`."
            )
        return np.asarray(getattr(adata, slot)[key], dtype=np.float32)

    built, left_out = {}, []
    layers = {statistic: key for (slot, statistic), key in places.items() if slot == "layers"}
    if not layers:
        return {}, []
    phi = read("obsm", "basis")
    for statistic, key in layers.items():
        role, _, what = statistic.rpartition("_")
        if statistic == "fold_change":
            built[key] = lazy_product(phi, read("varm", "group_weights") - read("varm", "reference_weights"))
        elif statistic == "lfc_zscore":
            built[key] = lazy_average(read("obsm", "neighborhoods"), read("varm", "neighborhood_zscore"))
        elif what == "imputed":
            built[key] = lazy_product(phi, read("varm", f"{role}_weights"))
        elif what == "std" and places.get(("varm", f"{role}_sample_weights"), "") in adata.varm:
            built[key] = lazy_std(phi, read("varm", f"{role}_sample_weights"), read("obs", f"{role}_std") ** 2)
        else:
            left_out.append(key)
    return built, left_out
