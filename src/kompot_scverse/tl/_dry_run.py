"""Resource plans of the tools."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._data.design import Design
from kompot_scverse._data.resolve import check_finite
from kompot_scverse._data.targets import Targets
from kompot_scverse._gp.rank_estimate import estimate_rank
from kompot_scverse._plan.cost import STAGES, TIME_CLASSES, Item, Sizes, memory_items, time_class
from kompot_scverse._plan.resource_plan import ResourcePlan, make_plan
from kompot_scverse._runs.field import Field
from kompot_scverse._stats.neighborhoods import default_n_centers
from kompot_scverse._stats.reference_genes import MAX_GENES
from kompot_scverse.settings import GPSettings, TestSettings

from ._da_ratio import n_rough_centers
from ._de_task import DERequest, DETask

__all__ = ["plan_da", "plan_de"]

KEPT = ("stored features", "stored weights", "stored variances", "replicate factors", "layers")
"""Arrays that stay when an analysis of a modality is done."""
FEW_REPLICATES = 3
FEW_CELLS = 50
"""Cells of a sample below which its own posterior is mostly prior."""


def plan_de(targets: Targets, tasks: Sequence[DETask], request: DERequest) -> ResourcePlan:
    """Plan a differential expression; of several modalities, one after the other."""
    gp, test, storage = request.gp, request.test, request.storage
    rank, notes = _rank(targets, targets.used({task.mod: task.design.cells for task in tasks}), gp)
    parts: dict[str, list[Item]] = {}
    times: dict[str, str] = {}
    disk = layer_bytes = 0.0
    n_layers = 0
    for task in tasks:
        layers, n_vars = sum(field.slot == "layers" for field in task.planned), task.frame.n_vars
        sizes = Sizes(
            **_sizes(targets, task.mod, task.design, rank),
            n_genes=task.y.shape[1],
            n_all_genes=n_vars,
            n_tested=_n_tested(task),
            density=task.y.density(),
            n_null=0 if test.null_mahalanobis is not None else test.null_genes,
            n_weights=_n_weights(task.design, test, task.categories),
            n_layers=layers if storage.layers == "memory" else 0,
            estimated=gp.estimated,
            factors_in_memory=storage.sample_covariance == "memory",
        )
        parts[task.mod], times[task.mod] = memory_items(sizes), time_class(sizes)
        notes += _notes(task.design, task.mod)
        size = 4.0 * layers * task.frame.n_obs * n_vars
        n_layers, layer_bytes = n_layers + layers, layer_bytes + size
        disk += size if storage.layers == "disk" else 0.0
        if storage.sample_covariance == "disk" and sizes.replicates and not gp.estimated:
            disk += 4.0 * n_vars * rank * sizes.n_samples
    if n_layers and storage.layers == "lazy":
        notes.append(f"{n_layers} layers are lazy: they cost nothing until they are read or the object is written")
    warnings = list(dict.fromkeys(warning for task in tasks for warning in _warnings(task.design)))
    planned = [field for task in tasks for field in task.planned]
    return make_plan(
        targets.data,
        planned,
        _one_after_the_other(parts),
        time=max(times.values(), key=[name for _, name in TIME_CLASSES].index),
        disk=disk,
        layer_bytes=layer_bytes,
        notes=notes,
        warnings=warnings,
    )


def plan_da(targets: Targets, design: Design, planned: list[Field], *, gp: GPSettings, method: str) -> ResourcePlan:
    """Plan a differential abundance."""
    (mod,) = targets.frames
    rank, notes = _rank(targets, design.cells, gp)
    nothing: dict[str, Any] = {
        "n_genes": 0,
        "n_all_genes": 0,
        "n_tested": 0,
        "n_null": 0,
        "n_weights": 0,
        "n_layers": 0,
    }
    n_rough = n_rough_centers(int(design.cells.sum())) if method == "ratio" else 0
    sizes = Sizes(
        **_sizes(targets, mod, design, rank), **nothing, density=0.0, factors_in_memory=False, n_rough=n_rough
    )
    return make_plan(
        targets.data,
        planned,
        memory_items(sizes),
        time=time_class(sizes),
        disk=0.0,
        layer_bytes=0.0,
        notes=notes + _notes(design, mod),
        warnings=_warnings(design),
    )


def _n_tested(task: DETask) -> int:
    """Features of the replicate tests, at most."""
    if task.contrasts is None:
        return 0
    return task.frame.n_vars if task.numbers is None else min(task.frame.n_vars, len(task.numbers) + MAX_GENES)


def _n_weights(design: Design, test: TestSettings, categories: pd.Series | None) -> int:
    """Columns of weights of the replicate tests."""
    if design.sample_key is None:
        return 0
    n = test.n_neighborhoods or default_n_centers(int(design.cells.sum()), int(design.usable.sum()))
    return n + (0 if categories is None else len(categories.cat.categories))


def _one_after_the_other(parts: dict[str, list[Item]]) -> list[Item]:
    """Arrays of the modality that needs most, and what is kept of the others."""
    if len(parts) == 1:
        return next(iter(parts.values()))
    largest = max(parts, key=lambda mod: sum(item.n_bytes for item in parts[mod]))
    items = list(parts[largest])
    for mod, others in parts.items():
        if mod != largest:
            kept = sum(item.n_bytes for item in others if item.name in KEPT)
            items.append(Item(f"results of {mod}", "", kept, STAGES))
    return items


def _rank(targets: Targets, cells: np.ndarray, gp: GPSettings) -> tuple[int, list[str]]:
    """Rank of the basis, and a note about it."""
    check_finite(targets.x, cells, targets.use_rep)
    x = targets.x[cells]
    rank = estimate_rank(x, gp)
    return rank, [f"representation {targets.use_rep} ({x.shape[1]} dimensions), rank about {rank}"]


def _notes(design: Design, mod: str) -> list[str]:
    conditions = ", ".join(
        f"{condition} {size:,} cells"
        for condition, size in zip(design.conditions, design.condition_sizes(), strict=True)
    )
    notes = [conditions]
    if design.sample_key is not None:
        sizes = design.sample_sizes()
        notes.append(f"{len(sizes)} samples of {sizes.min():,} to {sizes.max():,} cells")
    return [f"{mod}: {note}" if mod else note for note in notes]


def _sizes(targets: Targets, mod: str, design: Design, rank: int) -> dict[str, Any]:
    return {
        "n_obs": targets.frames[mod].n_obs,
        "n_cells": int(design.cells.sum()),
        "n_dims": targets.x.shape[1],
        "n_conditions": len(design.conditions),
        "n_samples": len(design.samples),
        "rank": rank,
        "replicates": design.sample_key is not None,
    }


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
