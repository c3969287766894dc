"""Differential expression of one modality: looked up before anything is computed, then fitted on given cell states."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._arguments import seed_of
from kompot_scverse._data.cell_groups import category_names, group_column
from kompot_scverse._data.covariates import sample_covariates
from kompot_scverse._data.design import Design, resolve_design
from kompot_scverse._data.matrix import MatrixReader
from kompot_scverse._data.resolve import expression, expression_values, gene_numbers
from kompot_scverse._data.sample_design import ContrastDesign, contrast_designs
from kompot_scverse._data.targets import Targets
from kompot_scverse._results.de_fields import DEPlan, gene_values, plan_fields
from kompot_scverse._results.disk import DiskStore
from kompot_scverse._results.store import fill
from kompot_scverse._results.subsets import GenePlacer, genes_covered
from kompot_scverse._runs.field import Field
from kompot_scverse._runs.fingerprint import array_print, design_prints, matrix_print
from kompot_scverse._runs.history import Run
from kompot_scverse._stats.component_fit import ComponentFit
from kompot_scverse._stats.neighborhoods import EXPRESSION_WIDTH
from kompot_scverse.settings import GPSettings, StorageSettings, TestSettings

from ._common import States, build_runs, describe_gp, run_diagnostics
from ._de_model import factor_keeper, fit_model, model_features
from ._de_results import condition_values, contrast_results, summarize, zscore_layer
from ._depth import sample_depths, warn_of_depth
from ._genes_read import genes_read
from ._replicates import cell_weights, describe_tests
from ._test_sums import collect_test_sums

__all__ = ["DERequest", "DEResult", "DETask", "analyse", "prepare"]


logger = logging.getLogger("kompot_scverse")


@dataclass(frozen=True, kw_only=True)
class DERequest:
    """Arguments of `kp.tl.de` that are the same for all modalities."""

    groupby: str
    reference: object
    groups: object
    sample_key: str | None
    paired: bool
    covariates: str | Sequence[str] | None
    mask_obs: Any
    cell_groups: str | None
    key_added: str
    gp: GPSettings
    test: TestSettings
    storage: StorageSettings

    def __post_init__(self) -> None:
        if self.test.null == "residuals" and self.test.null_genes and self.gp.estimated:
            raise ValueError(
                "`null='residuals'` needs amplitudes and noise that are given: pass `gp=GPSettings.kompot()`, or "
                "`null='shuffle'`."
            )

    def plan(self, tested: bool) -> DEPlan:
        """What will be written; `tested` with the replicate test."""
        return DEPlan(
            self.key_added,
            self.cell_groups,
            significance=self.test.null_genes > 0 or self.test.null_mahalanobis is not None,
            all_statistics=self.test.all_statistics,
            layers=self.storage.layers is not None,
            estimated=self.gp.estimated,
            tested=tested,
        )


@dataclass(frozen=True)
class DETask:
    """What is compared in one modality."""

    mod: str
    """Name of the modality; empty for an AnnData."""
    frame: AnnData
    layer: str | None
    design: Design
    contrasts: list[ContrastDesign] | None
    numbers: np.ndarray | None
    """The features analysed; None for all."""
    y: MatrixReader
    every: MatrixReader
    """All features of the layer."""
    categories: pd.Series | None
    plan: DEPlan
    planned: list[Field]


@dataclass(frozen=True)
class DEResult:
    """What is to be written for one modality."""

    task: DETask
    fields: list[Field]
    runs: list[Run]
    summaries: list[dict[str, Any]]
    """One for each contrast."""


def prepare(targets: Targets, mod: str, layer: str | None, genes: Any, request: DERequest) -> DETask:
    """Look up what the call names, and raise where it cannot be analysed."""
    frame = targets.frames[mod]
    design = resolve_design(
        frame,
        request.groupby,
        reference=request.reference,
        groups=request.groups,
        sample_key=request.sample_key,
        mask_obs=targets.mask(mod, request.mask_obs),
    )
    contrasts = contrast_designs(frame, design, request.covariates, paired=request.paired)
    numbers = gene_numbers(frame, genes)
    every = expression(frame, layer, design.cells)
    categories = group_column(frame, request.cell_groups)
    plan = request.plan(tested=contrasts is not None)
    planned = [replace(field, mod=mod) for field in plan_fields(plan, design)]
    return DETask(
        mod, frame, layer, design, contrasts, numbers, every.select(numbers), every, categories, plan, planned
    )


def analyse(
    targets: Targets, task: DETask, states: States, request: DERequest, disk: DiskStore, call: dict[str, Any]
) -> DEResult:
    """
    Fit, compare and test.

    Parameters
    ----------
    targets, task
        What is analysed.
    states
        Cell states of the cells of the modality, on the basis that all modalities share.
    request
        Arguments of the call.
    disk
        Where large results are kept, if on disk.
    call
        Its record.
    """
    design, plan, y, gp, test = task.design, task.plan, task.y, request.gp, request.test
    weights = depths = sums = None
    if task.contrasts is not None or request.test.equal_depth:
        weights = cell_weights(states.x, design, test.n_neighborhoods, EXPRESSION_WIDTH, task.categories)
        depths = sample_depths(task.every, weights.soft, design, required=request.test.equal_depth)
        if task.contrasts is None:
            weights = None
        else:
            sums = collect_test_sums(
                task.every, task.frame.var_names.to_list(), task.numbers, depths, weights.columns, design
            )
            warn_of_depth(depths, design, y.name, int(sums.reference.sum()), equal_depth=request.test.equal_depth)
    keep = factor_keeper(request.storage, disk, task.mod)
    rng = np.random.default_rng(request.test.rng)
    features = model_features(states, gp)
    read = genes_read(task.every, task.frame.var_names.to_list(), task.numbers, learn=gp.estimated)
    if depths is not None and request.test.equal_depth:
        read = read.with_reader(depths.equalised(read.y))
    model = fit_model(read, states, features, design, gp, test, rng, keep=keep)

    n_null = 0 if model.nulls is None else test.null_genes
    params = describe_gp(states, gp) | {
        "layer": task.layer,
        "log_base": y.base,
        "sample_key": request.sample_key,
        "cell_groups": request.cell_groups,
        "n_genes": y.shape[1],
        "null_genes": n_null,
        "null": test.null,
        "fdr_threshold": test.threshold,
        "equal_depth": request.test.equal_depth,
        "layers": request.storage.layers,
        "rng": seed_of(request.test.rng),
    }
    if n_null > y.shape[1]:
        logger.info(
            "%s %s are too few for %s null genes, which are drawn from them with replacement.",
            f"{y.shape[1]:,}", f"features of {task.mod}" if task.mod else "genes", f"{n_null:,}",
        )  # fmt: skip
        params["null_genes_drawn"] = f"{n_null:,} from {y.shape[1]:,} features, with replacement"
    params |= describe_tests(
        weights, states.model.frame, paired=request.paired, covariates=request.covariates, sums=sums, depths=depths
    )
    if isinstance(model.genes, ComponentFit):
        params["prior_variance"] = round(model.genes.prior_variance, 9)
    phi = features.astype(np.float32)
    fingerprint = _fingerprint(task, states, request)
    placer = GenePlacer(task.frame, task.numbers, design, (plan.keys(design, None).basis, phi), params, fingerprint)
    values = condition_values(plan, design, model, features, placer, disk)
    soft = None if weights is None else weights.soft.astype(np.float32)
    if soft is not None:
        values["obsm", plan.keys(design, None).neighborhoods] = soft
    names = None if task.categories is None else category_names(task.frame, task.categories)
    summaries, diagnostics = [], []
    for number, group in enumerate(design.groups, start=1):
        results = contrast_results(
            model,
            features,
            design,
            number,
            test,
            categories=task.categories,
            weights=weights,
            contrast=None if task.contrasts is None else task.contrasts[number - 1],
            sums=sums,
        )
        values |= gene_values(plan, design, group, results, placer, names, cast("float", test.threshold))
        if soft is not None and plan.layers:
            values |= zscore_layer(plan, design, group, soft, values)
        is_de, qvalues = (values.get(("var", key)) for key in plan.called(design, group))
        is_de = None if is_de is None else placer.chosen(is_de)
        notes = {} if task.contrasts is None else task.contrasts[number - 1].notes()
        summaries.append(summarize(results, y.shape[1], is_de, qvalues) | notes)
        if depths is not None:
            summaries[-1]["depth_ratio" if depths.known else "detected_ratio"] = round(depths.ratio(design, number), 3)
        null = None if results.comparison is None else results.comparison.null
        diagnostics.append(run_diagnostics(states, np.isin(design.condition_codes, (0, number)), null))

    placer.warn()
    params["updated_run"] = max(placer.updated, default=None)
    summaries = [s | genes_covered(task.frame.var_names, task.numbers, placer.updated) for s in summaries]
    fields = fill(task.planned, values)
    runs = build_runs(
        targets,
        task.mod,
        "de",
        design,
        fields,
        key_added=request.key_added,
        params=params,
        summaries=summaries,
        diagnostics=diagnostics,
        call=call,
        fingerprint=fingerprint,
    )
    return DEResult(task, fields, runs, summaries)


def _fingerprint(task: DETask, states: States, request: DERequest) -> dict[str, str]:
    """Of what the results are made from, beside the parameters."""
    frame, design = task.frame, task.design
    covariates = None if design.sample_key is None else sample_covariates(frame, design, request.covariates)
    found = design_prints(frame, design, covariates, task.categories)
    found["representation"] = array_print(states.x[design.cells])
    values, _ = expression_values(frame, task.layer)
    found["expression"] = matrix_print(values, design.cells, frame.var_names)
    if request.test.null_mahalanobis is not None:
        found["null_mahalanobis"] = array_print(np.asarray(request.test.null_mahalanobis))
    return found
