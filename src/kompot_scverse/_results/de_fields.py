"""The fields of a differential expression: planned without values, and filled."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._keys import Keys, column_name, slug
from kompot_scverse._runs.field import Field
from kompot_scverse._stats.category_statistics import GroupStatistics
from kompot_scverse._stats.combine import benjamini_hochberg
from kompot_scverse._stats.component_fit import MAX_JOINT
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.fdr import NullComparison
from kompot_scverse._stats.gene_testing import GeneTest

from .subsets import SubsetMerger

__all__ = ["DEPlan", "GeneResults", "gene_values", "plan_fields", "variance_rows"]


@dataclass(frozen=True)
class DEPlan:
    """What a call will write."""

    key_added: str
    cell_groups: str | None
    significance: bool
    all_statistics: bool
    layers: bool
    estimated: bool
    """Whether the variance components of each gene are estimated."""
    tested: bool
    """Whether replicates are tested."""

    @property
    def cells_tested(self) -> bool:
        """Whether the cells are tested, where there are no replicates."""
        return self.estimated and not self.tested

    def keys(self, design: Design, group: object) -> Keys:
        """Names of the fields of a contrast."""
        return Keys(self.key_added, design.reference, group, design.sample_key is not None)

    def called(self, design: Design, group: object) -> tuple[str, str]:
        """Names of the columns of the called genes and of the q-value."""
        keys = self.keys(design, group)
        return keys.field("is_de", varies=True), keys.field("qvalue")


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


def plan_fields(plan: DEPlan, design: Design) -> list[Field]:
    """All fields of a call, without values."""
    fields = [Field("obsm", plan.keys(design, None).basis, "basis", "features of the cell states, cells × rank")]
    if plan.tested:
        text = "weights in the soft neighbourhoods of the replicate test, cells × neighbourhoods"
        fields.append(Field("obsm", plan.keys(design, None).neighborhoods, "neighborhoods", text))
    for condition in design.smoothed:
        fields += _condition_fields(plan, design, condition)
    if design.formula is not None:
        text = "weights of the field of each coefficient of the design, genes × features × coefficients"
        key = plan.keys(design, None).of("coefficient", "weights")
        fields.append(Field("varm", key, "coefficient_weights", text))
        if len(design.formula.coefficients) <= MAX_JOINT:
            keys = plan.keys(design, None)
            text = "posterior covariances of the coefficients at each cell, cells × (combined · pairs)"
            key = keys.of("coefficient", "covariances", varies=True)
            fields.append(Field("obsm", key, "coefficient_covariances", text))
            key = keys.of("coefficient", "covariance_weights", varies=True)
            text = "weights of these covariances in each gene, genes × combined"
            fields.append(Field("varm", key, "coefficient_covariance_weights", text))
    for number, group in enumerate(design.groups, start=1):
        effect = design.effect(number)
        if effect is None or not effect.omnibus:
            fields += _contrast_fields(plan, design, group)
        else:
            fields += _omnibus_fields(plan, design, group)
    return fields


def _omnibus_fields(plan: DEPlan, design: Design, group: object) -> list[Field]:
    """Fields of several contrasts tested together, which have no single direction."""
    keys = plan.keys(design, group)
    rows = [row for row in _TEST_ROWS if plan.tested and row[1] not in ("neighborhood_lfc", "region_lfc")]
    rows += [row for row in _CELL_TEST_ROWS if plan.cells_tested]
    rows += [*_OMNIBUS_ROWS, SUPPORT, ("var", "is_de", True, IS_DE.format("q-value"))]
    fields = [
        Field(slot, keys.field(what, varies=varies), what, text, group=group) for slot, what, varies, text in rows
    ]
    if plan.cell_groups is not None and plan.tested:
        fields += _group_fields(plan, keys, group, _GROUP_TEST_ROWS)
    if plan.layers and plan.tested:
        fields.append(Field("layers", keys.field("lfc_zscore"), "lfc_zscore", ZSCORE, group=group))
    return fields


def _group_fields(plan: DEPlan, keys: Keys, group: object, rows: tuple[tuple[str, bool, str], ...]) -> list[Field]:
    """Fields of the statistics within each category of `cell_groups`."""
    return [
        Field(
            "varm",
            keys.field(f"{slug(plan.cell_groups)}_{what}", varies=varies),
            f"group_{what}",
            f"{text} per {plan.cell_groups}",
            group=group,
        )
        for what, varies, text in rows
    ]


def _condition_fields(plan: DEPlan, design: Design, condition: object) -> list[Field]:
    keys, name = plan.keys(design, condition), str(condition)
    role = "reference" if condition == design.reference else "group"
    rows = [("varm", "weights", False, f"weights of the smoothed expression in {name}, genes × rank")]
    if plan.estimated:
        rows += variance_rows(f"the smoothed expression in {name}")
    else:
        rows.append(("obs", "std", False, f"posterior SD of the smoothed expression in {name}"))
    if design.sample_key is not None and not plan.estimated:
        rows.append(
            (
                "varm",
                "sample_weights",
                False,
                f"factor of the variance between replicates of {name}, genes × rank × replicates",
            )
        )
    if plan.layers:
        rows.append(("layers", "imputed", False, f"smoothed expression in {name}"))
        if design.sample_key is not None or plan.estimated:
            between = "" if design.sample_key is None else ", with replicate variance"
            rows.append(("layers", "std", True, f"posterior SD of the smoothed expression in {name}{between}"))
    return [
        Field(slot, keys.of(condition, what, varies=varies), f"{role}_{what}", text, condition=condition)
        for slot, what, varies, text in rows
    ]


def variance_rows(function: str) -> list[tuple[str, str, bool, str]]:
    """Fields of posterior variances: a few variances at each cell, and how every gene combines them."""
    return [
        ("obsm", "variances", True, f"posterior variances of {function} at each cell, cells × combined"),
        ("varm", "variance_weights", True, "weights of these variances in each gene, genes × combined"),
    ]


def _contrast_fields(plan: DEPlan, design: Design, group: object) -> list[Field]:
    keys = plan.keys(design, group)
    rows = [
        ("var", "mahalanobis", True, "Mahalanobis distance of the fold change from zero"),
        ("var", "mean_lfc", False, "mean log fold change over the cells of the contrast, natural log"),
        SUPPORT,
    ]
    if design.formula is not None:
        rows.append(("varm", "effect_weights", False, "weights of the effect, genes × features"))
    if plan.estimated:
        rows += [("var", f"{name}_sd", False, text) for name, text in COMPONENTS.items()]
        rows += variance_rows("the log fold change")
    if plan.tested:
        rows += _TEST_ROWS
    if plan.cells_tested:
        rows += _CELL_TEST_ROWS
    if plan.significance:
        rows.append(("var", "mahalanobis_local_fdr", True, "local false discovery rate of the distance"))
    if plan.significance or plan.tested or plan.cells_tested:
        rule = "q-value" if plan.tested or plan.cells_tested else "local FDR"
        rows.append(("var", "is_de", True, IS_DE.format(rule)))
    if plan.significance:
        if plan.all_statistics:
            rows.append(("var", "mahalanobis_pvalue", True, "empirical p-value of the distance among null genes"))
            rows.append(("var", "mahalanobis_tail_fdr", True, "tail false discovery rate of the distance"))
    fields = [
        Field(slot, keys.field(what, varies=varies), what, text, group=group) for slot, what, varies, text in rows
    ]
    if plan.cell_groups is not None:
        fields += _group_fields(plan, keys, group, _GROUP_ROWS + (_GROUP_TEST_ROWS if plan.tested else ()))
    if plan.layers:
        text = "log fold change at each cell, natural log"
        fields.append(Field("layers", keys.field("fold_change"), "fold_change", text, group=group))
        if plan.estimated:
            for what, text in _UNCERTAINTY.items():
                fields.append(Field("layers", keys.field(what, varies=True), what, text, group=group))
        if plan.tested:
            fields.append(Field("layers", keys.field("lfc_zscore"), "lfc_zscore", ZSCORE, group=group))
    return fields


COMPONENTS = {
    "state": "SD of the expression over cell states, in the units of the expression",
    "effect": "root mean square of the log fold change over the cells, natural log",
    "sample": "SD between samples of one condition at a cell state, in the units of the expression",
    "noise": "SD of cells about the smoothed expression, in the units of the expression",
}
"""Variance components of each gene."""
ZSCORE = "moderated z of the replicate test, averaged over the neighbourhoods of each cell"
SUPPORT = ("obs", "support", False, "support of the fold change by cells on every side of the contrast, 0 to 1")
IS_DE = "differentially expressed: {} at most the threshold"
_OMNIBUS_ROWS = (
    ("var", "largest_lfc", False, "largest difference between two levels, mean over the cells, natural log"),
    ("var", "highest", False, "level with the highest mean over the cells"),
    (
        "varm",
        "level_lfc",
        False,
        "mean differences of the levels from the first over the cells, genes × levels, natural log",
    ),
)
_UNCERTAINTY = {
    "fold_change_std": "posterior SD of the log fold change at each cell",
    "lfsr": "local false sign rate of the log fold change at each cell",
}
_CELL_TEST_ROWS = [
    ("var", "pvalue_cells", False, "p-value of the test of the cells, about cells and not individuals"),
    ("var", "qvalue_cells", False, "false discovery rate of the test of the cells, Benjamini-Hochberg"),
]
_TEST_ROWS = (
    ("var", "pvalue", False, "p-value of the replicate test, combined over neighbourhoods"),
    ("var", "qvalue", False, "false discovery rate of the replicate test, Benjamini-Hochberg"),
    ("var", "region", False, "node of the tree of neighbourhoods that explains the change of the gene best"),
    ("var", "region_probability", False, "probability that the gene changes, and this node explains it best"),
    ("var", "region_lfc", False, "log fold change of the sample means in this node, natural log"),
    ("varm", "neighborhood_lfc", False, "log fold change of the sample means per neighbourhood, natural log"),
    ("varm", "neighborhood_zscore", False, "moderated z of the sample means per neighbourhood"),
)
_GROUP_ROWS = (
    ("mean_lfc", False, "mean log fold change over the cells, natural log"),
    ("lfc_se", True, "standard error of the mean log fold change"),
    ("lfc_zscore", True, "mean log fold change over its standard error"),
    ("lfsr", True, "local false sign rate of the mean log fold change"),
)
_GROUP_TEST_ROWS = (
    ("pvalue", False, "p-value of the replicate test"),
    ("qvalue", False, "false discovery rate of the replicate test, Benjamini-Hochberg,"),
)


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
        columns |= {keys.field(f"region{what}"): values for what, values in _regions(results).items()}
    values: dict[tuple[str, str], Any] = {("var", key): place(column, "var", key) for key, column in columns.items()}
    rate = None
    if results.test is not None:
        rate = values["var", keys.field("qvalue")] = benjamini_hochberg(values["var", keys.field("pvalue")])
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
    if categories is not None and (results.groups is not None or results.group_test is not None):
        names = categories
        tables: dict[str, np.ndarray] = {}
        if results.groups is not None:
            tables = {"mean_lfc": results.groups.mean_lfc, "lfc_se": results.groups.std_error}
            tables |= {"lfc_zscore": results.groups.zscore, "lfsr": results.groups.lfsr}
        if results.group_test is not None:
            key = keys.field(f"{slug(plan.cell_groups)}_pvalue")
            tables["pvalue"] = place(results.group_test.node_pvalue.T, "varm", key, columns=names)
            tables["qvalue"] = np.stack([benjamini_hochberg(p) for p in tables["pvalue"].T], axis=1)
        for what, varies, _ in _GROUP_ROWS + _GROUP_TEST_ROWS:
            if what not in tables:
                continue
            key = keys.field(f"{slug(plan.cell_groups)}_{what}", varies=varies)
            done = what in ("pvalue", "qvalue")
            filled = tables[what] if done else place(tables[what], "varm", key, columns=names)
            values["varm", key] = pd.DataFrame(filled, index=place.names, columns=names)
    if results.levels is not None:
        values |= _level_values(plan, design, group, results.levels, place)
    return values


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
