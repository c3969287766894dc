"""The plan of a call, from what it names in the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kompot_scverse._data.targets import Targets
from kompot_scverse._gp.device import accelerator
from kompot_scverse._gp.rank_estimate import estimate_rank
from kompot_scverse._runs.field import Field
from kompot_scverse._stats.design import Design
from kompot_scverse.settings import GPSettings, StorageSettings

from .cost import STAGES, Item, Sizes, memory_items
from .machine import calibrate
from .resource_plan import Cost, ResourcePlan, make_plan
from .seconds import core_seconds, seconds

KEPT = ("features", "stored weights", "stored variances", "replicate factors", "layers")
"""Arrays that stay when an analysis of a modality is done."""
FEW_REPLICATES = 3
FEW_CELLS = 50
"""Cells of a sample below which the prior decides most of its posterior."""


@dataclass(frozen=True)
class PlannedTask:
    """What is analysed and written in one modality."""

    mod: str
    design: Design
    fields: list[Field]
    n_obs: int
    """Cells of the modality."""
    sizes: dict[str, Any]
    """Sizes of the analysis, beside those of the cells."""

    @property
    def n_layers(self) -> int:
        """Number of layers written."""
        return sum(field.slot == "layers" for field in self.fields)

    @property
    def layer_bytes(self) -> float:
        """Bytes of all layers."""
        return 4.0 * self.n_layers * self.n_obs * self.sizes.get("n_all_genes", 0)


def plan_tasks(
    targets: Targets, tasks: Sequence[PlannedTask], cells: np.ndarray, gp: GPSettings, storage: StorageSettings
) -> ResourcePlan:
    """
    Plan the analysis of one modality, or of several one after the other.

    Parameters
    ----------
    targets
        The data.
    tasks
        What is analysed in each modality.
    cells
        Cells that the basis comes from.
    gp, storage
        Settings.
    """
    targets.check_finite(cells)
    rank = estimate_rank(targets.x if cells.all() else targets.x[cells], gp)
    sizes = {task.mod: _sizes(task, targets.x.shape[1], rank, storage) for task in tasks}
    machine = calibrate()
    times = [seconds(one, machine) for one in sizes.values()]
    cost = Cost(
        items=_one_after_the_other({mod: memory_items(one) for mod, one in sizes.items()}),
        # the modalities share the basis
        seconds={stage: (max if stage == "basis" else sum)([one.get(stage, 0.0) for one in times]) for stage in STAGES},
        core_seconds=sum(core_seconds(one, machine) for one in sizes.values()),
        disk=sum(_disk(task, sizes[task.mod], storage) for task in tasks),
        layer_bytes=sum(task.layer_bytes for task in tasks),
    )
    notes = [f"representation {targets.use_rep} ({targets.x.shape[1]} dimensions), rank about {rank}"]
    notes += [note for task in tasks for note in _notes(task.design, task.mod)]
    device = accelerator()
    if device is not None:
        notes.append(f"features and sums over cells are computed on {device.device_kind}; the time is the processor's")
    notes += [note for one in sizes.values() for note in _passes(one)]
    n_layers = sum(task.n_layers for task in tasks)
    if n_layers and storage.layers == "lazy":
        notes.append(f"{n_layers} layers are lazy: they cost nothing until they are read or the object is written")
    warnings = list(dict.fromkeys(warning for task in tasks for warning in _warnings(task.design)))
    return make_plan(targets.data, [field for task in tasks for field in task.fields], cost, notes, warnings)


def _sizes(task: PlannedTask, n_dims: int, rank: int, storage: StorageSettings) -> Sizes:
    formula = task.design.formula
    blocks = None if formula is None else formula.blocks
    return Sizes(
        n_obs=task.n_obs,
        n_cells=int(task.design.cells.sum()),
        n_dims=n_dims,
        n_conditions=len(task.design.conditions) if formula is None else len(formula.coefficients),
        n_samples=len(task.design.samples),
        rank=rank,
        replicates=task.design.sample_key is not None,
        n_layers=task.n_layers if storage.layers == "memory" else 0,
        keeps_features=storage.basis is not None,
        in_blocks=0 if blocks is None else int((np.bincount(blocks) ** 2).sum()),
        **task.sizes,
    )


def _disk(task: PlannedTask, sizes: Sizes, storage: StorageSettings) -> float:
    """Bytes that the call writes to disk."""
    layers = task.layer_bytes if storage.layers == "disk" else 0.0
    if storage.sample_covariance != "disk" or not sizes.replicates or sizes.estimated:
        return layers
    return layers + 4.0 * sizes.n_all_genes * sizes.rank * sizes.n_samples


def _one_after_the_other(parts: dict[str, list[Item]]) -> list[Item]:
    """Arrays of the modality that needs most, and what is kept of the others."""
    largest = max(parts, key=lambda mod: sum(item.n_bytes for item in parts[mod]))
    items = list(parts[largest])
    for mod, others in parts.items():
        if mod != largest:
            kept = sum(item.n_bytes for item in others if item.name in KEPT)
            items.append(Item(f"results of {mod}", "", kept, STAGES))
    return items


def _notes(design: Design, mod: str) -> list[str]:
    """Numbers of cells and samples."""
    conditions = ", ".join(
        f"{condition} {size:,} cells"
        for condition, size in zip(design.conditions, design.condition_sizes(), strict=True)
        if size
    )
    notes = [conditions]
    if design.formula is not None:
        effects = ", ".join(effect.name for effect in design.formula.effects)
        notes = [f"{design.cells.sum():,} cells; {len(design.formula.coefficients)} coefficients, effects: {effects}"]
    if design.sample_key is not None:
        sizes = design.sample_sizes()
        notes.append(f"{len(sizes)} samples of {sizes.min():,} to {sizes.max():,} cells")
    return [f"{mod}: {note}" if mod else note for note in notes]


def _passes(sizes: Sizes) -> list[str]:
    """How often the expression is read where the sums of all genes do not fit at once."""
    fit, tests = (len(blocks) for blocks in sizes.passes)
    if fit == tests == 1:
        return []
    passes = [f"{fit + (fit > 1)} for the fit", *([f"{tests} for the tests"] if sizes.replicates else [])]
    return [f"the sums of all genes do not fit at once; passes over the cells: {', '.join(passes)}"]


def _warnings(design: Design) -> list[str]:
    """What to know about the samples before the results are trusted."""
    if not design.groups:
        return []
    if design.sample_key is None:
        return ["no `sample_key`: significance is about cells, not about individuals"]
    found = []
    for number, condition in enumerate(design.smoothed):
        usable = design.members(number, usable=True)
        if len(usable) < FEW_REPLICATES:
            found.append(f"{condition} has {len(usable)} replicates; the variance between them is poorly known")
    sizes = design.sample_sizes()
    small = [design.samples[sample] for sample in np.flatnonzero(sizes < FEW_CELLS)]
    if small:
        found.append(f"samples with fewer than {FEW_CELLS} cells: {', '.join(small)}")
    return found
