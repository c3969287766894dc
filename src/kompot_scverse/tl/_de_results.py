"""From fitted models to the fields and the summary of a differential expression."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._data.design import MIN_CELLS, Design
from kompot_scverse._data.sample_design import ContrastDesign
from kompot_scverse._gp.lazy import as_dask
from kompot_scverse._gp.variance_table import VarianceTable
from kompot_scverse._results.de_fields import DEPlan, GeneResults
from kompot_scverse._results.disk import DiskStore
from kompot_scverse._results.subsets import GenePlacer
from kompot_scverse._stats.category_statistics import category_means, group_statistics, mean_features
from kompot_scverse._stats.component_fit import ComponentFit
from kompot_scverse._stats.lazy_layers import lazy_average, lazy_lfsr, lazy_mixture_std, lazy_product, lazy_std
from kompot_scverse._stats.sample_covariance import CHUNK, SampleCovariance
from kompot_scverse.settings import TestSettings

from ._de_model import DEModel, significance
from ._replicates import CellWeights, test_categories, test_genes
from ._test_sums import TestSums

__all__ = ["condition_values", "contrast_results", "log_results", "store_table", "summarize", "zscore_layer"]

logger = logging.getLogger("kompot_scverse")


def contrast_results(
    model: DEModel,
    features: np.ndarray,
    design: Design,
    number: int,
    test: TestSettings,
    *,
    categories: pd.Series | None,
    weights: CellWeights | None,
    contrast: ContrastDesign | None,
    sums: TestSums | None,
) -> GeneResults:
    """
    Everything about the genes of one contrast.

    Parameters
    ----------
    model
        Fits.
    features
        What the functions are linear in: cells × features.
    design
        Conditions and samples.
    number
        Of the condition that is compared with the first.
    test
        Settings.
    categories
        Categories with statistics of their own.
    weights, contrast, sums
        Weights of the cells, design of the samples and sums over their cells, for the replicate test.
    """
    distances = model.genes.distance(number)
    comparison = significance(model, distances, number, test)
    cell_pvalue = None if model.cell_pvalues is None else model.cell_pvalues[number - 1]
    components = model.genes.standard_deviations(number) if isinstance(model.genes, ComponentFit) else None
    cells = np.isin(design.condition_codes, (0, number))
    mean_lfc = model.genes.fold_change(number) @ mean_features(features, cells)
    groups = None
    if categories is not None:
        sides = (design.condition_codes == 0, design.condition_codes == number)
        means = category_means(
            features, categories.cat.codes.to_numpy(), len(categories.cat.categories), sides, MIN_CELLS
        )
        groups = group_statistics(model.genes, means, number)
    if weights is None or contrast is None or sums is None:
        return GeneResults(
            distances, mean_lfc, comparison, groups, cell_pvalue=cell_pvalue, standard_deviations=components
        )
    found = test_genes(sums, weights, design, contrast)
    group_test = None if categories is None else test_categories(sums, weights, design, contrast)
    m = weights.soft.shape[1]
    return GeneResults(distances, mean_lfc, comparison, groups, found, group_test, m, standard_deviations=components)


def condition_values(
    plan: DEPlan, design: Design, model: DEModel, features: np.ndarray, place: GenePlacer, disk: DiskStore
) -> dict[tuple[str, str], Any]:
    """Basis, weights and layers, from which everything else can be rebuilt."""
    basis_key, phi = place.basis
    values: dict[tuple[str, str], Any] = {("obsm", basis_key): phi}
    layers: dict[str, Any] = {}
    weights = []
    for number, condition in enumerate(design.conditions):
        keys = plan.keys(design, condition)
        key = keys.of(condition, "weights")
        weights.append(place(model.genes.weights(number).astype(np.float32), "varm", key))
        values["varm", key] = weights[-1]
        layers[keys.of(condition, "imputed")] = lazy_product(phi, weights[-1])
        if isinstance(model.genes, ComponentFit):
            names = [keys.of(condition, what, varies=True) for what in ("variances", "variance_weights", "std")]
            layers[names[-1]] = store_table(values, names, model.genes.variance_table(number), features, place)
            continue
        std = values["obs", keys.of(condition, "std")] = model.genes.posteriors[number].std(features)
        if model.genes.covariances is not None:
            key = keys.of(condition, "sample_weights")
            factor = values["varm", key] = _placed_factor(model.genes.covariances[number], place, key, disk)
            layers[keys.of(condition, "std", varies=True)] = lazy_std(phi, factor, std**2)
    for number, group in enumerate(design.groups, start=1):
        keys = plan.keys(design, group)
        change = layers[keys.field("fold_change")] = lazy_product(phi, weights[number] - weights[0])
        if isinstance(model.genes, ComponentFit):
            names = [keys.field(what, varies=True) for what in ("variances", "variance_weights", "fold_change_std")]
            deviation = store_table(values, names, model.genes.fold_change_table(number), features, place)
            layers[names[-1]] = deviation
            layers[keys.field("lfsr", varies=True)] = lazy_lfsr(change, deviation)
    if plan.layers:
        values |= {("layers", key): layer for key, layer in layers.items()}
    return values


def store_table(
    values: dict[tuple[str, str], Any], names: list[str], table: VarianceTable, features: np.ndarray, place: GenePlacer
) -> Any:
    """Keep the variances of the cells and their weights in the genes; returns the layer of standard deviations."""
    forms = values["obsm", names[0]] = table.forms(features).astype(np.float32)
    loads = values["varm", names[1]] = place(table.loads.astype(np.float32), "varm", names[1])
    return lazy_mixture_std(forms, loads)


def _placed_factor(covariance: SampleCovariance, place: GenePlacer, key: str, disk: DiskStore) -> Any:
    """The kept variance between replicates on all genes, in memory or read lazily from disk."""
    if isinstance(covariance.kept, np.ndarray):
        return place(covariance.kept, "varm", key)
    if place.numbers is None:
        return covariance.factor
    mod = getattr(place.adata, "modality", "")
    name = f"{mod}.{key}" if mod else key
    return disk.save({name: as_dask(place(covariance.kept, "varm", key), (CHUNK, -1, -1))})[name]


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
            "n_up": int((is_de & (results.mean_lfc > 0)).sum()),
            "n_down": int((is_de & (results.mean_lfc < 0)).sum()),
        }
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
    elif is_de is not None:
        # distances tell the called genes apart only where they are what decides
        summary["threshold_distance"] = float(results.mahalanobis[is_de].min()) if is_de.any() else None
    return summary


def log_results(design: Design, summaries: list[dict[str, Any]], fields: list, mod: str = "") -> None:
    """Say what was found, in which modality."""
    layers = [field for field in fields if field.slot == "layers"]
    size = sum(np.prod(field.value.shape) * 4 for field in layers) / 1e9
    for group, summary in zip(design.groups, summaries, strict=True):
        found = f"{summary['n_de']:,} of " if "n_de" in summary else ""
        logger.info(
            "%s to %s: %s%s %s differentially expressed. %d layers are computed when read or written (%.2f GB); "
            "`kp.tl.cleanup` drops them.",
            design.reference, group, found, f"{summary['n_genes']:,}", f"features of {mod}" if mod else "genes",
            len(layers), size,
        )  # fmt: skip
        if summary.get("n_neighborhoods_tested", 0) < summary.get("n_neighborhoods", 0):
            logger.info(
                "%d of %d neighbourhoods are not tested: too few samples have enough cells there.",
                summary["n_neighborhoods"] - summary["n_neighborhoods_tested"], summary["n_neighborhoods"],
            )  # fmt: skip


def zscore_layer(
    plan: DEPlan, design: Design, group: object, soft: np.ndarray, values: dict[tuple[str, str], Any]
) -> dict[tuple[str, str], Any]:
    """The replicate test at every cell, from its statistics per neighbourhood."""
    keys = plan.keys(design, group)
    zscore = values["varm", keys.field("neighborhood_zscore")]
    return {("layers", keys.field("lfc_zscore")): lazy_average(soft, zscore)}
