"""Fields of the conditions in `kp.tl.de`, and the lazy layers that are built from them."""

from typing import Any

import numpy as np

from kompot_scverse._gp.features import CellFeatures, Features
from kompot_scverse._gp.lazy import as_dask
from kompot_scverse._gp.variance_table import VarianceTable, table_forms
from kompot_scverse._results.de_fields import DEPlan
from kompot_scverse._results.disk import DiskStore
from kompot_scverse._results.subsets import SubsetMerger
from kompot_scverse._runs.features import FEATURES
from kompot_scverse._runs.row_prints import row_print
from kompot_scverse._stats.component_fit import ComponentFit
from kompot_scverse._stats.lazy_layers import Layer, lazy_lfsr, lazy_mixture_std, lazy_product, lazy_std
from kompot_scverse._stats.sample_covariance import CHUNK, SampleCovariance

from ._de_fit import DEFit
from ._steps import Job

Values = dict[tuple[str, str], Any]
"""By slot and key."""


def features_record(job: Job, features: Features) -> dict[str, Any]:
    """What the run keeps in place of features that are not kept."""
    if not isinstance(features, CellFeatures):
        return {}
    recipe = job.states.recipe(features, job.request.gp)
    return {FEATURES: recipe.to_dict() | {"rows": row_print(job.states.x)}}


def condition_values(job: Job, fitted: DEFit, merger: SubsetMerger) -> Values:
    """Basis, weights and layers, from which everything else can be rebuilt."""
    task, model = job.task, fitted.model.genes
    basis_key, phi = merger.basis
    values: Values = {("obsm", basis_key): phi} if isinstance(phi, np.ndarray) else {}
    if task.design.formula is not None:
        return _lazy_layers(values | _effect_values(job, model, fitted.features, merger), task.plan)
    weights, forms = [], []
    if task.plan.estimated:
        forms = table_forms(model.components.variances, fitted.features)
    for number, condition in enumerate(task.design.conditions):
        keys = task.plan.keys(task.design, condition)
        key = keys.of(condition, "weights")
        weights.append(merger(model.weights(number).astype(np.float32, copy=False), "varm", key))
        values["varm", key] = weights[-1]
        values["layers", keys.of(condition, "imputed")] = lazy_product(phi, weights[-1])
        names = [keys.of(condition, what, varies=True) for what in ("variances", "variance_weights", "std")]
        table = model.variance_table(number)
        if task.plan.estimated:
            values["layers", names[-1]] = store_table(values, names, table, forms[number], merger)
            continue
        std = values["obs", keys.of(condition, "std")] = table.shared_std(fitted.features)
        if model.between is not None:
            between, key = model.between[number], keys.of(condition, "sample_weights")
            if task.plan.factors:
                factor = values["varm", key] = _placed_factor(between, merger, key, job.disk)
            else:
                factor = merger.alone(between.kept, names[-1])
            values["layers", names[-1]] = lazy_std(phi, factor, std**2)
    for number, group in enumerate(task.design.groups, start=1):
        keys = task.plan.keys(task.design, group)
        change = values["layers", keys.field("fold_change")] = lazy_product(phi, weights[number] - weights[0])
        if task.plan.estimated:
            names = [keys.field(what, varies=True) for what in ("variances", "variance_weights", "fold_change_std")]
            table = model.fold_change_table(number)
            deviation = store_table(values, names, table, forms[model.n_conditions + number - 1], merger)
            values["layers", names[-1]] = deviation
            values["layers", keys.field("lfsr", varies=True)] = lazy_lfsr(change, deviation)
    return _lazy_layers(values, task.plan)


def _lazy_layers(values: Values, plan: DEPlan) -> Values:
    """The same with lazy layers, or without layers where none are wanted."""
    lazy = {place: value.lazy() if isinstance(value, Layer) else value for place, value in values.items()}
    return {place: value for place, value in lazy.items() if plan.layers or place[0] != "layers"}


def _effect_values(job: Job, model: ComponentFit, features: Features, merger: SubsetMerger) -> Values:
    """Weights of all coefficients, and of each effect its own and its layers."""
    task, phi = job.task, merger.basis[1]
    formula = task.design.formula
    key = task.plan.keys(task.design, None).of("coefficient", "weights")
    stacked = np.stack([model.weights(number) for number in range(len(formula.coefficients))], axis=2)
    values: Values = {("varm", key): merger(stacked.astype(np.float32), "varm", key)}
    joint = model.components.joint
    if joint is not None:
        keys = task.plan.keys(task.design, None)
        values["obsm", keys.of("coefficient", "covariances", varies=True)] = joint.forms(features)
        key = keys.of("coefficient", "covariance_weights", varies=True)
        values["varm", key] = merger(joint.loads.astype(np.float32), "varm", key)
    tables = [model.fold_change_table(number) for number, _ in enumerate(formula.directed, start=1)]
    forms = table_forms(tables, features) if tables else []
    for number, effect in enumerate(formula.directed, start=1):
        keys = task.plan.keys(task.design, effect.key)
        key = keys.field("effect_weights")
        own = values["varm", key] = merger(model.fold_change(number).astype(np.float32, copy=False), "varm", key)
        change = values["layers", keys.field("fold_change")] = lazy_product(phi, own)
        names = [keys.field(what, varies=True) for what in ("variances", "variance_weights", "fold_change_std")]
        deviation = store_table(values, names, tables[number - 1], forms[number - 1], merger)
        values["layers", names[-1]] = deviation
        values["layers", keys.field("lfsr", varies=True)] = lazy_lfsr(change, deviation)
    return values


def store_table(values: Values, names: list[str], table: VarianceTable, forms: np.ndarray, merger: SubsetMerger) -> Any:
    """Keep the variances of the cells and their weights in the genes; returns the layer of standard deviations."""
    values["obsm", names[0]] = forms
    loads = values["varm", names[1]] = merger(table.loads.astype(np.float32), "varm", names[1])
    return lazy_mixture_std(forms, loads)


def _placed_factor(covariance: SampleCovariance, merger: SubsetMerger, key: str, disk: DiskStore) -> Any:
    """The kept variance between replicates on all genes, in memory or read lazily from disk."""
    if isinstance(covariance.kept, np.ndarray):
        return merger(covariance.kept, "varm", key)
    if merger.numbers is None:
        return covariance.factor
    mod = getattr(merger.adata, "modality", "")
    name = f"{mod}.{key}" if mod else key
    return disk.save({name: as_dask(merger(covariance.kept, "varm", key), (CHUNK, -1, -1))})[name]
