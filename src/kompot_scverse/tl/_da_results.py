"""Third step of `kp.tl.da`: the fields and the runs, from the fit."""

from typing import Any

import numpy as np

from kompot_scverse._data.comparison import describe_comparison
from kompot_scverse._messages import logger
from kompot_scverse._results.da_fields import THRESHOLDS, cell_values
from kompot_scverse._runs.build import RunContent
from kompot_scverse._stats.abundance_estimate import CellResults, LevelResults, compare
from kompot_scverse._stats.sample_tests import compare_abundance, compare_compositions

from ._da_fit import DAFit
from ._da_prepare import DATask
from ._sample_record import MAX_SAMPLES, sample_record
from ._steps import Job, Results


def results(job: Job, fitted: DAFit) -> Results:
    """Fields of all conditions and contrasts, and what the runs record."""
    task, conditions = job.task, job.task.design.conditions
    found = [_contrast(job, fitted, number) for number in range(len(conditions) - 1)]
    values = cell_values(task.plan, task.design, fitted.estimate.fields, found)
    summaries, diagnostics = [], []
    for number, one in enumerate(found):
        cells = task.design.compared(number + 1)
        notes = {} if task.contrasts is None else task.contrasts[number].notes()
        notes |= fitted.estimate.summaries[number] if fitted.estimate.summaries else {}
        found_there = _level_summary(one, cells) if isinstance(one, LevelResults) else _summary(one, cells)
        summaries.append(found_there | notes)
        diagnostics.append(job.states.diagnostics(cells) | _distances(job, fitted, number))
    return Results(values, RunContent(_params(job, fitted), summaries, diagnostics))


def _contrast(job: Job, fitted: DAFit, number: int) -> CellResults | LevelResults:
    """What is found at every cell for one group or effect, 0 for the first."""
    task, replicates = job.task, None
    if fitted.weights is not None and task.contrasts is not None:
        replicates = compare_abundance(fitted.weights, task.design, task.contrasts[number])
    if number in fitted.estimate.levels:
        if replicates is None:
            return LevelResults(fitted.estimate.levels[number])
        p, q, effect = replicates
        found = task.design.effect(number + 1)
        return LevelResults(fitted.estimate.levels[number], p, q, None if found is None else found.levels_of(effect))
    return compare(fitted.estimate, number, job.request.test, replicates)


def _distances(job: Job, fitted: DAFit, number: int) -> dict[str, Any]:
    """Distances between the samples of a contrast, of their log densities."""
    if fitted.weights is None or job.task.contrasts is None:
        return {}
    design, contrast = job.task.design, job.task.contrasts[number]
    if len(contrast.members) > MAX_SAMPLES:
        return {}
    found = compare_compositions(fitted.weights, design, contrast)
    return sample_record(design, contrast, found, paired=job.request.paired)


def _params(job: Job, fitted: DAFit) -> dict[str, Any]:
    """Arguments as resolved."""
    request = job.request
    params = job.states.describe(request.gp) | {"sample_key": request.sample_key, "method": request.method}
    thresholds = THRESHOLDS[request.sample_key is not None]
    params |= {key: getattr(request.test, name) for name, key in thresholds.items()} | fitted.estimate.params
    if fitted.weights is not None:
        params |= fitted.weights.describe(job.states)
    params |= describe_comparison(request, job.task.formula)
    del params["sigma"]  # the noise of the expression
    return params


def _summary(found: CellResults, cells: np.ndarray) -> dict[str, Any]:
    """What a run remembers of its result, over the cells of the contrast."""
    n_down, n_neutral, n_up = np.bincount(found.direction[cells], minlength=3)
    return {
        "n_cells": int(cells.sum()),
        "n_up": int(n_up),
        "n_down": int(n_down),
        "n_neutral": int(n_neutral),
        "mean_lfc": float(found.lfc[cells].mean()),
    }


def _level_summary(found: LevelResults, cells: np.ndarray) -> dict[str, Any]:
    """The same for an effect with several coefficients."""
    return {"n_cells": int(cells.sum()), "largest_lfc": float(np.median(np.ptp(found.levels[:, cells], axis=0)))}


def report(task: DATask, found: Results) -> None:
    """Log how many cells are called."""
    for number, summary in enumerate(found.content.summaries, start=1):
        if "n_up" in summary:
            logger.info(
                "%s: %s cells up, %s down, of %s.",
                task.design.title(number), f"{summary['n_up']:,}", f"{summary['n_down']:,}", f"{summary['n_cells']:,}",
            )  # fmt: skip
