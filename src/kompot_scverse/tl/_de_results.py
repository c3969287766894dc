"""Third step of `kp.tl.de`: the fields and the runs, from the fit."""

from typing import Any, cast

import numpy as np

from kompot_scverse._arguments import seed_of
from kompot_scverse._data.cell_groups import category_names
from kompot_scverse._data.comparison import describe_comparison
from kompot_scverse._data.covariates import sample_covariates
from kompot_scverse._messages import logger
from kompot_scverse._results.de_values import GeneResults, gene_values
from kompot_scverse._results.subsets import SubsetMerger, genes_covered
from kompot_scverse._runs.build import RunContent
from kompot_scverse._runs.fingerprint import array_print, design_prints
from kompot_scverse._stats.category_statistics import GroupStatistics, category_means, group_statistics, mean_features
from kompot_scverse._stats.design import MIN_CELLS
from kompot_scverse._stats.effect import Effect
from kompot_scverse._stats.gene_testing import GeneTestSettings
from kompot_scverse._stats.lazy_layers import lazy_average
from kompot_scverse._stats.sample_tests import compare_categories, compare_genes, compare_samples

from ._agreement import describe_agreement
from ._de_fit import DEFit
from ._de_layers import condition_values, features_record
from ._de_model import DEModel, significance
from ._de_prepare import DETask
from ._sample_record import MAX_SAMPLES, between_record, sample_record
from ._steps import Job, Results
from ._support import describe_support, supports, warn_of_support

LARGE = 0.25
"""GB of lazy layers from which on a warning says what writing them takes."""


def results(job: Job, fitted: DEFit) -> Results:
    """Fields of all conditions and contrasts, and what the runs record."""
    task = job.task
    params, prints = _params(job, fitted), _fingerprint(job)
    recipe = features_record(job, fitted.features)
    basis = task.plan.keys(task.design, None).basis, fitted.features
    announces = job.request.overwrite is None
    merger = SubsetMerger(
        task.frame, task.numbers, task.design, basis, params, prints, recipe=recipe, announces=announces
    )
    values = condition_values(job, fitted, merger)
    if fitted.weights is not None:
        values["obsm", task.plan.keys(task.design, None).neighborhoods] = fitted.weights.soft.astype(np.float32)
    summaries, diagnostics, support = [], [], supports(job)
    for number in range(1, len(task.design.conditions)):
        found = _contrast(job, fitted, number)
        values |= _contrast_values(job, fitted, found, merger, number)
        is_de, qvalues = (
            values.get(("var", key)) for key in task.plan.called(task.design, task.design.conditions[number])
        )
        summary = summarize(found, task.n_genes, None if is_de is None else merger.chosen(is_de), qvalues)
        of_cells = describe_support(task, number, support[number - 1])
        agreement = describe_agreement(task, found, fitted.categories, job.states.use_rep, number)
        summaries.append(summary | _notes(task, fitted, number) | of_cells | agreement)
        values["obs", _support_key(task, number)] = support[number - 1]
        null = None if found.comparison is None else found.comparison.null
        kept: dict[str, Any] = job.states.diagnostics(task.design.compared(number), null) | recipe
        if fitted.weights is not None:
            kept["neighborhood_tree"] = fitted.weights.merges
            kept |= _distances(job, fitted, number)
        diagnostics.append(kept)
    merger.warn()
    warn_of_support(task, summaries, [_support_key(task, number) for number in range(1, len(task.design.conditions))])
    params["updated_run"] = max(merger.updated, default=None)
    covered = genes_covered(task.frame.var_names, task.numbers, merger.updated)
    return Results(values, RunContent(params, [one | covered for one in summaries], diagnostics, prints))


def _support_key(task: DETask, number: int) -> str:
    return task.plan.keys(task.design, task.design.conditions[number]).field("support")


def _distances(job: Job, fitted: DEFit, number: int) -> dict[str, Any]:
    """Distances between the samples of a contrast, of their fields."""
    if fitted.sums is None or fitted.weights is None or job.task.contrasts is None:
        return {}
    contrast = job.task.contrasts[number - 1]
    if len(contrast.members) > MAX_SAMPLES:
        return {}
    found, between = compare_samples(fitted.sums, fitted.weights, job.task.design, contrast)
    record = sample_record(job.task.design, contrast, found, paired=job.request.paired)
    return record if between is None else record | {"between": between_record(between)}


def _contrast(job: Job, fitted: DEFit, number: int) -> GeneResults:
    """Everything about the genes of one contrast: condition `number` against the first."""
    task, model = job.task, fitted.model
    found: dict[str, Any] = {}
    if fitted.weights is not None and fitted.sums is not None and task.contrasts is not None:
        arguments = (fitted.sums, fitted.weights, task.design, task.contrasts[number - 1])
        found["test"] = compare_genes(*arguments, GeneTestSettings(weights=job.request.test.gene_weights))
        found["group_test"] = None if task.categories is None else compare_categories(*arguments)
        found["n_neighborhoods"] = fitted.weights.soft.shape[1]
    elif model.cell_pvalues is not None:
        found["cell_pvalue"] = model.cell_pvalues[number - 1]
    effect, mean = task.design.effect(number), mean_features(fitted.features, task.design.compared(number))
    if effect is not None and effect.omnibus:
        found["standard_deviations"] = model.genes.standard_deviations(None)
        if task.categories is not None:
            found["group_levels"] = np.stack(
                [_levels(model, effect, own) for own in _category_means(task, fitted, number)]
            )
        return GeneResults(None, None, None, None, levels=_levels(model, effect, mean), **found)
    if effect is not None:
        # numbered among those with a direction
        number = 1 + [one.key for one in task.design.formula.directed].index(effect.key)
    distances = model.genes.distance(number)
    if job.request.gp.estimated:
        found["standard_deviations"] = model.genes.standard_deviations(number)
    return GeneResults(
        distances,
        model.genes.fold_change(number) @ mean,
        significance(model, distances, number, job.request.test),
        _group_statistics(task, fitted, number),
        **found,
    )


def _levels(model: DEModel, effect: Effect, mean: np.ndarray) -> np.ndarray:
    """Mean differences of the levels of an effect over the cells: genes × levels."""
    assert effect.of_levels is not None
    coefficients = np.stack([model.genes.weights(number) @ mean for number in range(len(effect.of_levels))], axis=1)
    return coefficients @ effect.of_levels


def _group_statistics(task: DETask, fitted: DEFit, number: int) -> GroupStatistics | None:
    """Means over the cells of each category, and their uncertainty."""
    if task.categories is None:
        return None
    return group_statistics(fitted.model.genes, _category_means(task, fitted, number), number)


def _category_means(task: DETask, fitted: DEFit, number: int) -> np.ndarray:
    """Mean features over the cells of each category: categories × rank."""
    assert task.categories is not None
    codes, n = task.categories.cat.codes.to_numpy(), len(task.categories.cat.categories)
    return category_means(fitted.features, codes, n, task.design.sides(number), MIN_CELLS)


def _contrast_values(
    job: Job, fitted: DEFit, found: GeneResults, merger: SubsetMerger, number: int
) -> dict[tuple[str, str], Any]:
    """Fields of one contrast on all genes, and the replicate test averaged at every cell."""
    task, group = job.task, job.task.design.conditions[number]
    names = None if task.categories is None else category_names(task.frame, task.categories)
    threshold = cast("float", job.request.test.threshold)
    values = gene_values(task.plan, task.design, group, found, merger, names, threshold)
    if fitted.weights is not None and task.plan.layers:
        keys = task.plan.keys(task.design, group)
        zscore = values["varm", keys.field("neighborhood_zscore")]
        soft = fitted.weights.soft.astype(np.float32)
        values["layers", keys.field("lfc_zscore")] = lazy_average(soft, zscore).lazy()
    return values


def _params(job: Job, fitted: DEFit) -> dict[str, Any]:
    """Arguments as resolved."""
    task, request, test = job.task, job.request, job.request.test
    n_null = 0 if fitted.model.nulls is None else test.null_genes
    params = job.states.describe(request.gp) | {
        "layer": task.layer,
        "log_base": task.y.base,
        "sample_key": request.sample_key,
        "cell_groups": request.cell_groups,
        "n_genes": task.n_genes,
        "null_genes": n_null,
        "null": test.null,
        "fdr_threshold": test.threshold,
        "equal_depth": test.equal_depth,
        "gene_weights": test.gene_weights,
        "layers": request.storage.layers,
        "rng": seed_of(test.rng),
    }
    if n_null > task.n_genes:
        logger.info(
            "%s %s are too few for %s null genes, which are drawn from them with replacement.",
            f"{task.n_genes:,}", task.features, f"{n_null:,}",
        )  # fmt: skip
        params["null_genes_drawn"] = f"{n_null:,} from {task.n_genes:,} features, with replacement"
    if fitted.weights is not None:
        params |= fitted.weights.describe(job.states)
    params |= describe_comparison(request, task.formula)
    if fitted.sums is not None and fitted.depths is not None:
        params |= {"reference_genes": int(fitted.sums.reference.sum()), "tested_at_equal_depth": fitted.depths.known}
    if request.gp.estimated:
        params["prior_variance"] = round(fitted.model.genes.prior_variance, 9)
        if fitted.model.genes.block_share is not None:
            params["block_share"] = round(fitted.model.genes.block_share, 6)
    return params


def _notes(task: DETask, fitted: DEFit, number: int) -> dict[str, Any]:
    """What the summary of a contrast says about its samples."""
    notes: dict[str, Any] = {} if task.contrasts is None else task.contrasts[number - 1].notes()
    if fitted.depths is not None and task.formula is None:
        name = "depth_ratio" if fitted.depths.known else "detected_ratio"
        notes[name] = round(fitted.depths.ratio(task.design, number), 3)
    return notes


def _fingerprint(job: Job) -> dict[str, str]:
    """Of the data that the results are made from."""
    task, request = job.task, job.request
    frame, design = task.frame, task.design
    covariates = None if design.sample_key is None else sample_covariates(frame, design, request.covariates)
    if task.formula is not None:
        covariates = task.formula.matrix.table
    found = design_prints(frame, design, covariates, task.categories)
    found |= task.prints(job.states)
    if request.test.null_mahalanobis is not None:
        found["null_mahalanobis"] = array_print(np.asarray(request.test.null_mahalanobis))
    return found


def summarize(
    results: GeneResults, n_genes: int, is_de: np.ndarray | None, qvalues: np.ndarray | None
) -> dict[str, Any]:
    """
    What a run remembers of its result.

    Parameters
    ----------
    results
        Of the genes analysed.
    n_genes
        Their number.
    is_de
        Whether they are called.
    qvalues
        Of all genes that have one by now, with those of earlier runs.
    """
    summary: dict[str, Any] = {"n_genes": n_genes}
    if is_de is not None:
        summary |= {
            "n_de": int(is_de.sum()),
        }
        if results.mean_lfc is not None:
            summary["n_up"] = int((is_de & (results.mean_lfc > 0)).sum())
            summary["n_down"] = int((is_de & (results.mean_lfc < 0)).sum())
    if qvalues is not None:
        summary["n_genes_in_qvalue"] = int(np.isfinite(qvalues).sum())
    if results.comparison is not None:
        summary["null_share"] = results.comparison.null_share
    if results.test is not None:
        tested = np.isfinite(results.test.z[: results.n_neighborhoods]).any(axis=1)
        summary |= {
            "n_genes_tested": int(np.isfinite(results.test.pvalue).sum()),
            "n_neighborhoods_tested": int(tested.sum()),
            "n_neighborhoods": results.n_neighborhoods,
        }
    elif is_de is not None and results.mahalanobis is not None:
        # distances tell the called genes apart only where they are what decides
        summary["threshold_distance"] = float(results.mahalanobis[is_de].min()) if is_de.any() else None
    return summary


def report(task: DETask, found: Results) -> None:
    """Log how many genes are called, and what the layers would take."""
    layers = [values for (slot, _), values in found.values.items() if slot == "layers"]
    size = sum(np.prod(values.shape) * 4 for values in layers) / 1e9
    if size > LARGE and found.content.params["layers"] == "lazy":
        logger.warning(
            "Writing the object computes %d layers, %.1f GB. `kp.tl.cleanup` drops them before, and `kp.tl.restore_layers` rebuilds them from "
            "the file; `StorageSettings(layers=None)` makes none.",
            len(layers), size,
        )  # fmt: skip
    for number, summary in enumerate(found.content.summaries, start=1):
        genes = f"{summary['n_genes']:,} {task.features}"
        said = f"{summary['n_de']:,} of {genes} differentially expressed" if "n_de" in summary else f"{genes}, no test"
        logger.info(
            "%s: %s. %d layers are computed when read or written (%.2f GB); `kp.tl.cleanup` drops them.",
            task.design.title(number), said, len(layers), size,
        )  # fmt: skip
        if summary.get("n_neighborhoods_tested", 0) < summary.get("n_neighborhoods", 0):
            logger.info(
                "%d of %d neighbourhoods are not tested: too few samples have enough cells there.",
                summary["n_neighborhoods"] - summary["n_neighborhoods_tested"], summary["n_neighborhoods"],
            )  # fmt: skip
