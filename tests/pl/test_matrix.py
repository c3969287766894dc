"""What is in the cells of a heatmap: scales and order, without drawing."""

import numpy as np
import pandas as pd
import pytest

from kompot_scverse.pl._matrix import cluster_order, matrix_height, matrix_size, standardize

RNG = np.random.default_rng(0)
TABLES = (pd.DataFrame(RNG.normal(5, 2, (4, 3))), pd.DataFrame(RNG.normal(5, 2, (4, 3))))


def test_a_gene_is_scaled_over_both_tables_together():
    (first, second), name = standardize(TABLES, "zscore")
    both = np.hstack([first, second])
    np.testing.assert_allclose(both.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(both.std(axis=1), 1)
    assert name.startswith("mean expression")
    (first, second), _ = standardize(TABLES, "minmax")
    both = np.hstack([first, second])
    np.testing.assert_allclose([both.min(axis=1), both.max(axis=1)], [[0] * 4, [1] * 4], atol=1e-12)
    assert standardize(TABLES, None)[0] is TABLES


@pytest.mark.parametrize("how", ["zscore", "minmax"])
def test_a_constant_gene_stays_finite_and_missing_values_stay_missing(how):
    tables = tuple(table.copy() for table in TABLES)
    tables[0].iloc[1] = tables[1].iloc[1] = 3.0
    tables[0].iloc[2, 0] = np.nan
    (first, second), _ = standardize(tables, how)
    np.testing.assert_array_equal(first.iloc[1], 0)
    np.testing.assert_array_equal(np.argwhere(np.hstack([np.isnan(first), np.isnan(second)])), [[2, 0]])


def test_similar_rows_stand_side_by_side():
    values = np.array([[0.0, 0], [10, 10], [0.1, 0], [10.1, np.nan]])
    order = cluster_order(values).tolist()
    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1
    assert cluster_order(values[:2]).tolist() == [0, 1]
    assert sorted(cluster_order(np.full((3, 2), np.nan))) == [0, 1, 2]


def test_longer_names_and_more_genes_take_more_room():
    width, height = matrix_size(["a"] * 10, ["x"] * 3, 1.0)
    assert matrix_size(["long name"] + ["a"] * 9, ["x"] * 3, 1.0)[0] > width
    assert matrix_size(["a"] * 20, ["x"] * 3, 1.0)[1] > height
    assert matrix_height(1) == matrix_height(3)
