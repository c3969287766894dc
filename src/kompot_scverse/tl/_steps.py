"""The steps of every tool: a request is prepared, fitted, turned into results and stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from anndata import AnnData

from kompot_scverse._data.comparison import Comparison
from kompot_scverse._data.errors import in_modality
from kompot_scverse._data.nesting import grouping_column
from kompot_scverse._data.stored_distances import stored_distances
from kompot_scverse._data.stored_rows import in_same_file
from kompot_scverse._data.targets import Targets
from kompot_scverse._gp.neighbor_choice import NeighborRequest
from kompot_scverse._gp.over_cells import note_stored
from kompot_scverse._gp.parallel import cluster_client
from kompot_scverse._gp.recipe import kernel_name
from kompot_scverse._gp.states import States, fit_states
from kompot_scverse._keys import check_key
from kompot_scverse._messages import hear, logger
from kompot_scverse._results.disk import DiskStore
from kompot_scverse._results.overwrite import check_overwrite
from kompot_scverse._results.store import fill, write
from kompot_scverse._results.unchanged import unchanged
from kompot_scverse._runs.build import RunContent, build_runs
from kompot_scverse._runs.call import record_call
from kompot_scverse._runs.field import Field
from kompot_scverse._stats.design import Design
from kompot_scverse.settings import GPSettings, StorageSettings, TestSettings

from ._log import HINT, as_loud_as_scanpy

SETTINGS = {"gp": GPSettings, "storage": StorageSettings, "test": TestSettings}
"""What None stands for."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """Arguments that all tools take."""

    mod: Any
    use_rep: str | None
    key_added: str
    gp: GPSettings
    storage: StorageSettings = StorageSettings()
    overwrite: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is analysed in one modality."""

    mod: str
    """Name of the modality; empty for an AnnData."""
    frame: AnnData
    design: Design
    planned: list[Field]
    """What will be written."""


@dataclass(frozen=True)
class Prepared:
    """What a call names, looked up in the data."""

    targets: Targets
    tasks: list[Any]
    cells: np.ndarray
    """Cells that the length scale and the basis come from."""


@dataclass(frozen=True)
class Job:
    """What the steps of one modality work with."""

    task: Any
    request: Any
    states: States
    """Of the cells of the modality, on the basis that all modalities share."""
    disk: DiskStore
    """Where large results are kept, if on disk."""


@dataclass(frozen=True)
class Results:
    """What is written for one modality."""

    values: dict[tuple[str, str], Any]
    """By slot and key."""
    content: RunContent


@dataclass(frozen=True)
class Tool:
    """The steps of one tool."""

    request: type[Any]
    """Class of the arguments, with the names of the parameters."""
    prepare: Callable[[Any, Any], Prepared]
    """Looks up in the data what the request names, and raises where it cannot be analysed."""
    fit: Callable[[Job], Any]
    """Fits the model of one modality."""
    results: Callable[[Job, Any], Results]
    """Values of the planned fields, from the fit."""
    report: Callable[[Any, Results], None]
    """Logs what was found."""
    sizes: Callable[[Any, Any], dict[str, Any]]
    """Sizes of a task that its cost depends on, beside those of the cells."""


def prepare_call(tool: Tool, given: Mapping[str, Any]) -> tuple[Any, Prepared]:
    """
    Look up what the arguments of a call name.

    Parameters
    ----------
    tool
        Its steps.
    given
        Arguments by name.
    """
    check_key(given["key_added"])
    arguments = {one.name: given[one.name] for one in fields(tool.request) if one.name in given}
    arguments |= {name: kind() for name, kind in SETTINGS.items() if name in given and given[name] is None}
    request = tool.request(**arguments)
    if request.storage.basis is None:
        kernel_name(request.gp.kernel)
    return request, tool.prepare(given["data"], request)


def run_tool(tool: Tool, function: Callable, given: Mapping[str, Any]) -> None:
    """
    Take all steps of a call.

    Parameters
    ----------
    tool
        Its steps.
    function
        The public function.
    given
        Its arguments by name.
    """
    with as_loud_as_scanpy(), hear() as heard:
        _run(tool, function, given, heard)


def _run(tool: Tool, function: Callable, given: Mapping[str, Any], heard: list[dict[str, str]]) -> None:
    request, prepared = prepare_call(tool, given)
    call = record_call(function, given)
    planned = [field for task in prepared.tasks for field in task.planned]
    merged = {task.mod for task in prepared.tasks if getattr(task, "numbers", None) is not None}
    rerun = check_overwrite(prepared.targets.data, planned, given["overwrite"], call, merged)
    if isinstance(request, Comparison) and request.sample_key is None:
        logger.warning("Without `sample_key`, significance is about the cells measured, not about individuals.")
    if isinstance(request, Comparison):
        _warn_of_nesting(prepared.tasks[0])
    for task in prepared.tasks:
        place = f" of {task.mod}" if task.mod else ""
        logger.log(HINT, "%s%s: %s.", task.design.groupby, place, task.design.described())
    states = states_of(prepared, request)
    done: list[tuple[Any, Results]] = []
    with DiskStore(request.storage) as disk:
        for task in prepared.tasks:
            with in_modality(task.mod):
                job = Job(task, request, of_modality(states, prepared.targets, task.mod), disk)
                done.append((task, tool.results(job, tool.fit(job))))
        written = [(task, fill(task.planned, found.values), found.content) for task, found in done]
        every = [field for _, own, _ in written for field in own]
        same = unchanged(prepared.targets.data, every)
        if rerun is not None:
            same = rerun.settle(same)
        runs = []
        for task, own, content in written:
            runs += build_runs(
                prepared.targets,
                task.mod,
                task.design,
                own,
                content,
                key_added=request.key_added,
                call=call,
                warnings=heard,
            )
        write(prepared.targets.data, every, runs, disk, same)
    for task, results in done:
        tool.report(task, results)
    named = ", ".join(field.name for field in planned)
    logger.log(HINT, "Fields written: %s.", named)


def _warn_of_nesting(task: Task) -> None:
    """Say where the samples look like parts of larger ones."""
    found = grouping_column(task.frame, task.design)
    if found is not None:
        name, n = found
        logger.warning(
            "obs[%r] groups the %d samples of obs[%r] in %d, each within one condition. If these are the individuals, the samples are "
            "technical replicates, with which the test is too confident: then pass `sample_key=%r`.",
            name, len(task.design.samples), task.design.sample_key, n, name,
        )  # fmt: skip


def states_of(prepared: Prepared, request: Any) -> States:
    """Cell states on the basis of the cells of all modalities."""
    targets = prepared.targets
    targets.check_finite(prepared.cells)
    if cluster_client() is not None:
        stored = in_same_file(getattr(targets.states, "X", None), targets.use_rep, targets.x)
        if stored is not None:
            note_stored(targets.x, stored)
    distances = None
    if getattr(request, "method", "") == "density":
        design = prepared.tasks[0].design
        n_sets = len(design.conditions if design.sample_key is None else design.samples)
        distances = NeighborRequest(n_sets, stored_distances(targets.states, prepared.cells))
    states = fit_states(targets.x, prepared.cells, targets.use_rep, request.gp, distances=distances)
    states = replace(states, components=targets.components)
    # where amplitudes are estimated, a function that has to bend does even then
    if not request.gp.estimated and not hasattr(request, "method"):
        _warn_of_stiffness(states, targets.x[prepared.cells])
    return states


def _warn_of_stiffness(states: States, x: np.ndarray) -> None:
    """Say where functions of fixed amplitude are little more than planes."""
    rank, ls, extent = states.model.basis.rank, states.model.ls, float(np.ptp(x, axis=0).max())
    if ls is None or (rank > x.shape[1] + 1 and ls <= extent):
        return
    logger.warning(
        "The length scale is %.3g and obsm[%r], in %d dimensions, extends over %.3g (rank %d): with amplitude and noise fixed, changes of "
        "single cell states are smoothed away. Lower `ls_factor`, or leave amplitudes to be estimated.",
        ls, states.use_rep, x.shape[1], extent, rank,
    )  # fmt: skip


def of_modality(states: States, targets: Targets, mod: str) -> States:
    """Those of the cells of a modality."""
    return states.rows(lambda values: targets.on(mod, values))
