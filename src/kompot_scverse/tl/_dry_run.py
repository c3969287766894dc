"""Resource plans of the tools."""

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._data.cost import Sizes, memory_items, time_class
from kompot_scverse._data.design import Design
from kompot_scverse._data.matrix import MatrixReader
from kompot_scverse._data.rank_estimate import estimate_rank
from kompot_scverse._data.resolve import check_finite, representation
from kompot_scverse._data.resource_plan import ResourcePlan, make_plan
from kompot_scverse._data.store import Field
from kompot_scverse._stats.neighborhoods import default_n_centers
from kompot_scverse.settings import FDRSettings, GPSettings, StorageSettings

__all__ = ["plan_da", "plan_de"]

FEW_REPLICATES = 3
FEW_CELLS = 50
"""Cells of a sample below which its own posterior is mostly prior."""


def plan_de(
    adata: AnnData,
    design: Design,
    planned: list[Field],
    y: MatrixReader,
    *,
    use_rep: str | None,
    gp: GPSettings,
    fdr: FDRSettings,
    storage: StorageSettings,
    categories: pd.Series | None = None,
) -> ResourcePlan:
    """Plan a differential expression."""
    layers = sum(field.slot == "layers" for field in planned)
    sizes, notes = _sizes(adata, design, use_rep, gp, n_genes=y.shape[1], density=y.density())
    in_memory = layers if storage.layers == "memory" else 0
    sizes = Sizes(
        **sizes,
        n_null=0 if fdr.null_mahalanobis is not None else fdr.null_genes,
        n_weights=_n_weights(design, fdr, categories),
        n_layers=in_memory,
        factors_in_memory=storage.sample_covariance == "memory",
    )
    layer_bytes = 4.0 * layers * adata.n_obs * adata.n_vars
    disk = layer_bytes if storage.layers == "disk" else 0.0
    if storage.sample_covariance == "disk" and sizes.replicates:
        disk += 4.0 * adata.n_vars * sizes.rank * sizes.n_samples
    if layers and storage.layers == "lazy":
        notes.append(f"{layers} layers are lazy: they cost nothing until they are read or the object is written")
    return make_plan(
        adata,
        planned,
        memory_items(sizes),
        time=time_class(sizes),
        disk=disk,
        layer_bytes=layer_bytes,
        notes=notes,
        warnings=_warnings(design),
    )


def plan_da(
    adata: AnnData, design: Design, planned: list[Field], *, use_rep: str | None, gp: GPSettings
) -> ResourcePlan:
    """Plan a differential abundance."""
    sizes, notes = _sizes(adata, design, use_rep, gp, n_genes=0, density=0.0)
    sizes = Sizes(**sizes, n_null=0, n_weights=0, n_layers=0, factors_in_memory=False)
    return make_plan(
        adata,
        planned,
        memory_items(sizes),
        time=time_class(sizes),
        disk=0.0,
        layer_bytes=0.0,
        notes=notes,
        warnings=_warnings(design),
    )


def _n_weights(design: Design, fdr: FDRSettings, categories: pd.Series | None) -> int:
    """Columns of weights of the replicate tests."""
    if design.sample_key is None:
        return 0
    n = fdr.n_neighborhoods or default_n_centers(int(design.cells.sum()), int(design.usable.sum()))
    return n + (0 if categories is None else len(categories.cat.categories))


def _sizes(adata: AnnData, design: Design, use_rep: str | None, gp: GPSettings, *, n_genes: int, density: float):
    name, x = representation(adata, use_rep)
    check_finite(x, design.cells, name)
    rank = estimate_rank(x[design.cells], ls=gp.ls, ls_factor=gp.ls_factor, max_rank=int(gp.n_landmarks), rtol=gp.rtol)
    conditions = ", ".join(
        f"{condition} {size:,} cells"
        for condition, size in zip(design.conditions, design.condition_sizes(), strict=True)
    )
    notes = [f"representation {name} ({x.shape[1]} dimensions), rank about {rank}", conditions]
    if design.sample_key is not None:
        sizes = design.sample_sizes()
        notes.append(f"{len(sizes)} samples of {sizes.min():,} to {sizes.max():,} cells")
    return {
        "n_obs": adata.n_obs,
        "n_cells": int(design.cells.sum()),
        "n_dims": x.shape[1],
        "n_genes": n_genes,
        "n_all_genes": adata.n_vars if n_genes else 0,
        "n_conditions": len(design.conditions),
        "n_samples": len(design.samples),
        "rank": rank,
        "density": density,
        "replicates": design.sample_key is not None,
    }, notes


def _warnings(design: Design) -> list[str]:
    if design.sample_key is None:
        return ["no `sample_key`: significance is about cells, not about individuals"]
    found = []
    for number, condition in enumerate(design.conditions):
        usable = design.members(number, usable=True)
        if len(usable) < FEW_REPLICATES:
            found.append(f"{condition} has {len(usable)} replicates; the variance between them is poorly known")
    sizes = design.sample_sizes()
    small = [design.samples[sample] for sample in np.flatnonzero(sizes < FEW_CELLS)]
    if small:
        found.append(f"samples with fewer than {FEW_CELLS} cells: {', '.join(small)}")
    return found
