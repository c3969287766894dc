"""What is planned is what is filled, and calls follow the adjusted p-values."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from kompot_scverse._results.de_fields import DEPlan, plan_fields
from kompot_scverse._results.de_values import GeneResults, gene_values
from kompot_scverse._stats.category_statistics import GroupStatistics
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.fdr import compare_with_null
from kompot_scverse._stats.gene_testing import GeneTest

GENES = [f"g{number}" for number in range(6)]
NAMES = ["B cell", "T cell"]


def design(*, samples: bool) -> Design:
    codes = np.repeat([0, 1], 4)
    sample_codes = np.arange(8) // 2 if samples else codes
    names = ("a", "b", "a", "b") if samples else ("Young", "Old")
    conditions = np.array([0, 0, 1, 1]) if samples else np.arange(2)
    usable = np.ones(len(names), dtype=bool)
    return Design("Age", ("Young", "Old"), codes, "donor" if samples else None, names, sample_codes, conditions, usable)


class Everything:
    """In the place of a merger: all genes are analysed."""

    names = pd.Index(GENES)

    def __call__(self, values, slot, key, columns=None):
        return values


def gene_test(pvalue: np.ndarray, n_nodes: int) -> GeneTest:
    table = np.tile(pvalue, (n_nodes, 1))
    return GeneTest(pvalue, false_discovery_control(pvalue), WEIGHT, table, table, table, table)


def results(plan: DEPlan, pvalue: np.ndarray) -> GeneResults:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(6, 2))
    distances = rng.gamma(2, size=6)
    return GeneResults(
        distances,
        rng.normal(size=6),
        compare_with_null(distances, rng.gamma(2, size=50)) if plan.significance else None,
        GroupStatistics(table, table, table, table) if plan.cell_groups else None,
        test=gene_test(pvalue, 5) if plan.tested else None,
        group_test=gene_test(pvalue, 2) if plan.tested and plan.cell_groups else None,
        n_neighborhoods=3 if plan.tested else 0,
        cell_pvalue=pvalue if plan.cells_tested else None,
        standard_deviations=dict.fromkeys(("state", "effect", "sample", "noise"), table[:, 0])
        if plan.estimated
        else None,
    )


PVALUE = np.array([1e-4, 0.02, 0.03, 0.2, 0.6, 0.9])
WEIGHT = np.array([0.5, 1.5, 1.5, 0.5, 1.0, 1.0])
CHOICES = list(itertools.product([None, "celltype"], [False, True], [False, True], [False, True]))


@pytest.mark.parametrize(("cell_groups", "significance", "estimated", "tested"), CHOICES)
def test_every_planned_field_of_genes_is_filled(cell_groups, significance, estimated, tested):
    plan = DEPlan(
        "K", cell_groups, significance=significance, all_statistics=True, layers=False, estimated=estimated,
        tested=tested,
    )  # fmt: skip
    own = design(samples=tested)
    planned = {
        (field.slot, field.key)
        for field in plan_fields(plan, own)
        if field.group == "Old"
        and "variance" not in field.statistic
        and field.statistic not in ("lfc_zscore", "support")
    }
    filled = gene_values(plan, own, "Old", results(plan, PVALUE), Everything(), NAMES, 0.05)
    assert set(filled) == planned


@pytest.mark.parametrize("tested", [True, False])
def test_genes_are_called_by_the_adjusted_p_value(tested):
    plan = DEPlan("K", None, significance=False, all_statistics=False, layers=False, estimated=True, tested=tested)
    own = design(samples=tested)
    filled = gene_values(plan, own, "Old", results(plan, PVALUE), Everything(), None, 0.06)
    is_de, rate = (filled["var", key] for key in plan.called(own, "Old")) if tested else (
        filled["var", "K_Young_to_Old_is_de"], filled["var", "K_Young_to_Old_qvalue_cells"],
    )  # fmt: skip
    # with replicates, genes have weights
    np.testing.assert_allclose(rate, false_discovery_control(np.minimum(PVALUE / WEIGHT, 1) if tested else PVALUE))
    np.testing.assert_array_equal(is_de, rate <= 0.06)
    assert is_de.tolist() == [True, True, True, False, False, False]


def test_a_gene_without_a_p_value_is_not_called():
    plan = DEPlan("K", None, significance=False, all_statistics=False, layers=False, estimated=True, tested=False)
    found = results(plan, np.where(np.arange(6) == 0, np.nan, PVALUE))
    filled = gene_values(plan, design(samples=False), "Old", found, Everything(), None, 1.0)
    assert filled["var", "K_Young_to_Old_is_de"].tolist() == [False, True, True, True, True, True]


def test_categories_are_columns_of_tables():
    plan = DEPlan("K", "celltype", significance=False, all_statistics=False, layers=False, estimated=True, tested=True)
    filled = gene_values(plan, design(samples=True), "Old", results(plan, PVALUE), Everything(), NAMES, 0.05)
    table = filled["varm", "K_Young_to_Old_celltype_qvalue"]
    assert (list(table.index), list(table.columns)) == (GENES, NAMES)
    np.testing.assert_allclose(table["B cell"], false_discovery_control(PVALUE))
