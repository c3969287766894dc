"""Third step of `kp.tl.smooth`: the fields and the run, from the fit."""

from typing import Any

import numpy as np

from kompot_scverse._messages import logger
from kompot_scverse._results.subsets import SubsetMerger, genes_covered
from kompot_scverse._runs.build import RunContent
from kompot_scverse._runs.fingerprint import design_prints
from kompot_scverse._stats.lazy_layers import lazy_product

from ._de_fit import DEFit
from ._de_layers import features_record, store_table
from ._smooth_prepare import SmoothTask
from ._steps import Job, Results


def results(job: Job, fitted: DEFit) -> Results:
    """Basis, weights and layers, and what the run records."""
    task, model = job.task, fitted.model.genes
    params, prints = _params(job), design_prints(task.frame, task.design) | task.prints(job.states)
    basis, phi = f"{task.prefix}_basis", fitted.features
    recipe = features_record(job, phi)
    merger = SubsetMerger(task.frame, task.numbers, task.design, (basis, phi), params, prints, recipe)
    weights = merger(model.weights(0).astype(np.float32, copy=False), "varm", f"{task.prefix}_weights")
    values: dict[tuple[str, str], Any] = {
        ("varm", f"{task.prefix}_weights"): weights,
        ("layers", f"{task.prefix}_imputed"): lazy_product(phi, weights).lazy(),
    }
    if not recipe:
        values["obsm", basis] = phi
    table = model.variance_table(0)
    if job.request.gp.estimated:
        names = [f"{task.prefix}_{what}" for what in ("variances", "variance_weights", "std")]
        values["layers", names[-1]] = store_table(values, names, table, table.forms(phi), merger).lazy()
    else:
        values["obs", f"{task.prefix}_std"] = table.shared_std(phi)
    merger.warn()
    params["updated_run"] = max(merger.updated, default=None)
    summary = {"n_genes": task.n_genes} | genes_covered(task.frame.var_names, task.numbers, merger.updated)
    return Results(values, RunContent(params, [summary], [recipe], prints))


def _params(job: Job) -> dict[str, Any]:
    """Arguments as resolved."""
    task, request = job.task, job.request
    return job.states.describe(request.gp) | {
        "n_cells_basis": job.states.n_cells,
        "layers": request.storage.layers,
        "layer": task.layer,
        "log_base": task.every.base,
        "n_genes": task.n_genes,
    }


def report(task: SmoothTask, found: Results) -> None:
    """Log what was smoothed."""
    logger.info(
        "Smoothed %s %s over %s cells (%s).",
        f"{task.n_genes:,}", task.features, f"{task.design.cells.sum():,}",
        task.design.reference,
    )  # fmt: skip
