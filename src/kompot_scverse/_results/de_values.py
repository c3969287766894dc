"""The values of the planned fields of a differential expression."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._keys import column_name, slug
from kompot_scverse._stats.category_statistics import GroupStatistics
from kompot_scverse._stats.combine import benjamini_hochberg
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.fdr import NullComparison
from kompot_scverse._stats.gene_testing import GeneTest

from .de_fields import GROUP_LEVEL_ROWS, GROUP_ROWS, GROUP_TEST_ROWS, DEPlan
from .subsets import SubsetMerger


@dataclass(frozen=True)
class GeneResults:
    """What was found for one contrast, for the genes analysed."""

    mahalanobis: np.ndarray | None
    """None for several contrasts tested together, as the next."""
    mean_lfc: np.ndarray | None
    comparison: NullComparison | None
    groups: GroupStatistics | None
    test: GeneTest | None = None
    """Replicate test; its first nodes are the single neighbourhoods."""
    group_test: GeneTest | None = None
    """Replicate test in every category."""
    n_neighborhoods: int = 0
    cell_pvalue: np.ndarray | None = None
    """p of the test of the cells."""
    standard_deviations: dict[str, np.ndarray] | None = None
    """Of each component."""
    levels: np.ndarray | None = None
    """For several contrasts tested together: mean differences of the levels from the first, genes × levels."""
    group_levels: np.ndarray | None = None
    """The same over the cells of every category: categories × genes × levels."""


def gene_values(
    plan: DEPlan,
    design: Design,
    group: object,
    results: GeneResults,
    place: SubsetMerger,
    categories: list[str] | None,
    threshold: float,
) -> dict[tuple[str, str], Any]:
    """
    Values of the gene-level fields of one contrast, on all genes.

    Genes that an earlier run tested and this one did not keep their p-values. The q-values, and which genes are called, are
    computed anew from the p-values of all genes.
    """
    keys = plan.keys(design, group)
    columns: dict[str, np.ndarray] = {}
    if results.mahalanobis is not None and results.mean_lfc is not None:
        columns = {
            keys.field("mahalanobis", varies=True): results.mahalanobis,
            keys.field("mean_lfc"): results.mean_lfc,
        }
    if results.comparison is not None:
        found = results.comparison
        columns[keys.field("mahalanobis_local_fdr", varies=True)] = found.local_fdr
        if plan.all_statistics:
            columns[keys.field("mahalanobis_pvalue", varies=True)] = found.pvalue
            columns[keys.field("mahalanobis_tail_fdr", varies=True)] = found.tail_fdr
    if results.standard_deviations is not None:
        columns |= {keys.field(f"{name}_sd"): values for name, values in results.standard_deviations.items()}
    if results.cell_pvalue is not None:
        columns[keys.field("pvalue_cells")] = results.cell_pvalue
    if results.test is not None:
        columns[keys.field("pvalue")] = results.test.pvalue
        if plan.weighted and results.levels is None:
            columns[keys.field("weight")] = results.test.weight
        columns |= {keys.field(f"region{what}"): values for what, values in _regions(results).items()}
    values: dict[tuple[str, str], Any] = {("var", key): place(column, "var", key) for key, column in columns.items()}
    rate = None
    if results.test is not None:
        weight = values.get(("var", keys.field("weight")))
        rate = benjamini_hochberg(values["var", keys.field("pvalue")], weight)
        values["var", keys.field("qvalue")] = rate
    elif results.cell_pvalue is not None:
        rate = values["var", keys.field("qvalue_cells")] = benjamini_hochberg(values["var", keys.field("pvalue_cells")])
    elif results.comparison is not None:
        rate = values["var", keys.field("mahalanobis_local_fdr", varies=True)]
    if rate is not None:
        # NaN is not called: expressed too little to be tested, or not analysed
        values["var", keys.field("is_de", varies=True)] = rate <= threshold
    if results.test is not None:
        m = results.n_neighborhoods
        tables_of_test = {"zscore": results.test.z}
        if results.levels is None:
            tables_of_test["lfc"] = results.test.effect
        for what, table in tables_of_test.items():
            key = keys.field(f"neighborhood_{what}")
            values["varm", key] = place(table[:m].T.astype(np.float32), "varm", key)
    if categories is not None and (
        results.groups is not None or results.group_test is not None or results.group_levels is not None
    ):
        names = categories
        tables: dict[str, np.ndarray] = {}
        if results.groups is not None:
            tables = {"mean_lfc": results.groups.mean_lfc, "lfc_se": results.groups.std_error}
            tables |= {"lfc_zscore": results.groups.zscore, "lfsr": results.groups.lfsr}
        if results.group_levels is not None:
            tables |= _highest_in_categories(results.group_levels)
        if results.group_test is not None:
            key = keys.field(f"{slug(plan.cell_groups)}_pvalue")
            tables["pvalue"] = place(results.group_test.node_pvalue.T, "varm", key, columns=names)
            tables["qvalue"] = np.stack([benjamini_hochberg(p) for p in tables["pvalue"].T], axis=1)
        for what, varies, _ in GROUP_ROWS + GROUP_TEST_ROWS + GROUP_LEVEL_ROWS:
            if what not in tables:
                continue
            key = keys.field(f"{slug(plan.cell_groups)}_{what}", varies=varies)
            done = what in ("pvalue", "qvalue")
            filled = tables[what] if done else place(tables[what], "varm", key, columns=names)
            values["varm", key] = pd.DataFrame(filled, index=place.names, columns=names)
    if results.levels is not None:
        values |= _level_values(plan, design, group, results.levels, place)
    return values


def _highest_in_categories(levels: np.ndarray) -> dict[str, np.ndarray]:
    """Genes × categories: the largest difference between levels, and the number of the highest; NaN where there are few cells."""
    known = np.isfinite(levels).all(axis=2)
    number = np.where(known, np.where(known[..., None], levels, 0).argmax(axis=2), np.nan)
    return {"largest_lfc": (levels.max(axis=2) - levels.min(axis=2)).T, "highest": number.T}


def _regions(results: GeneResults) -> dict[str, np.ndarray]:
    """Where each gene changes: the node of the tree, its probability and, of one contrast, the effect there."""
    test = results.test
    assert test is not None
    places = test.places()
    found = {"": np.where(places >= 0, places, np.nan), "_probability": test.at_places(test.probability)}
    if results.levels is None:
        found["_lfc"] = test.at_places(test.effect)
    return found


def _level_values(
    plan: DEPlan, design: Design, group: object, levels: np.ndarray, place: SubsetMerger
) -> dict[tuple[str, str], Any]:
    """Fields of the levels of an effect with several coefficients."""
    keys, effect = plan.keys(design, group), design.effect(design.groups.index(group) + 1)
    assert effect is not None
    key = keys.field("level_lfc")
    names = [column_name(level, place.names.name) for level in effect.levels]
    filled = place(levels, "varm", key, columns=names)
    highest = np.where(np.isfinite(filled).all(axis=1), filled.argmax(axis=1), -1)
    return {
        ("varm", key): pd.DataFrame(filled, index=place.names, columns=names),
        ("var", keys.field("largest_lfc")): filled.max(axis=1) - filled.min(axis=1),
        ("var", keys.field("highest")): pd.Categorical.from_codes(highest, categories=pd.Index(effect.levels)),
    }
