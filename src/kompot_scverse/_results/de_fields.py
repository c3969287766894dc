"""The fields of a differential expression: planned without values, and filled."""

from dataclasses import dataclass

from kompot_scverse._keys import Keys, slug
from kompot_scverse._runs.field import Field
from kompot_scverse._stats.component_fit import MAX_JOINT
from kompot_scverse._stats.design import Design


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
    weighted: bool = True
    """Whether genes have weights in the q-value of the replicate test."""
    basis: bool = True
    """Whether the features are kept."""
    factors: bool = True
    """Whether the variance between samples is kept, where it is no component of the model."""

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


def plan_fields(plan: DEPlan, design: Design) -> list[Field]:
    """All fields of a call, without values."""
    fields = []
    if plan.basis:
        fields.append(
            Field("obsm", plan.keys(design, None).basis, "basis", "features of the cell states, cells × rank")
        )
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
    rows = [row for row in _TEST_ROWS if plan.tested and row[1] not in ("neighborhood_lfc", "region_lfc", "weight")]
    rows += [row for row in _CELL_TEST_ROWS if plan.cells_tested]
    rows += [
        ("var", f"{name}_sd", False, COMPONENTS[name]) for name in COMPONENTS if plan.estimated and name != "effect"
    ]
    rows += [*_OMNIBUS_ROWS, SUPPORT, ("var", "is_de", True, IS_DE.format("q-value"))]
    fields = [
        Field(slot, keys.field(what, varies=varies), what, text, group=group) for slot, what, varies, text in rows
    ]
    if plan.cell_groups is not None and plan.tested:
        fields += _group_fields(plan, keys, group, GROUP_TEST_ROWS)
    if plan.cell_groups is not None:
        fields += _group_fields(plan, keys, group, GROUP_LEVEL_ROWS)
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
    if design.sample_key is not None and not plan.estimated and plan.factors:
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
        rows += [row for row in _TEST_ROWS if plan.weighted or row[1] != "weight"]
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
        fields += _group_fields(plan, keys, group, GROUP_ROWS + (GROUP_TEST_ROWS if plan.tested else ()))
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
    "state": "SD over the cells of the smoothed expression, averaged over the conditions",
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
    (
        "var",
        "qvalue",
        False,
        "false discovery rate of the replicate test, Benjamini-Hochberg with the weights of the genes",
    ),
    ("var", "weight", False, "weight of the gene in the q-value, by how well a change of it would be seen"),
    ("var", "region", False, "node of the tree of neighbourhoods that explains the change of the gene best"),
    ("var", "region_probability", False, "probability that the gene changes, and this node explains it best"),
    ("var", "region_lfc", False, "log fold change of the sample means in this node, natural log"),
    ("varm", "neighborhood_lfc", False, "log fold change of the sample means per neighbourhood, natural log"),
    ("varm", "neighborhood_zscore", False, "moderated z of the sample means per neighbourhood"),
)
GROUP_ROWS = (
    ("mean_lfc", False, "mean log fold change over the cells, natural log"),
    ("lfc_se", True, "standard error of the mean log fold change"),
    ("lfc_zscore", True, "mean log fold change over its standard error"),
    ("lfsr", True, "local false sign rate of the mean log fold change"),
)
GROUP_TEST_ROWS = (
    ("pvalue", False, "p-value of the replicate test"),
    ("qvalue", False, "false discovery rate of the replicate test, Benjamini-Hochberg,"),
)
GROUP_LEVEL_ROWS = (
    ("largest_lfc", False, "largest difference between two levels, mean over the cells, natural log"),
    ("highest", False, "number of the level with the highest mean over the cells, in the order of level_lfc, from 0"),
)
