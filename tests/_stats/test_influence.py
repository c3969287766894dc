"""Leaving out samples: against tests of data that never had them, and where one sample makes the result."""

import numpy as np
import pytest
from moments import collect_neighborhood_moments

from kompot_scverse._stats.gene_testing import GeneTestSettings, gene_test
from kompot_scverse._stats.influence import LeftOut, SampleParts, genes_without, rests_on
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.neighborhoods import (
    Neighborhoods,
    fit_neighborhoods,
    neighborhood_tree,
)

N_SAMPLES, N_GENES = 8, 150
LATE = np.arange(N_SAMPLES) >= 4
DESIGN = SampleDesign(np.column_stack([np.ones(N_SAMPLES), LATE]).astype(float), np.array([0.0, 1.0]))
ALONE = 6
"""The sample that makes genes 10 to 19."""
SETTINGS = GeneTestSettings(level_trend=False)


@pytest.fixture(scope="module")
def study() -> tuple[Neighborhoods, np.ndarray, np.ndarray, np.ndarray]:
    """Neighbourhoods, weights, counts and samples: genes 0 to 9 change in the late ones, 10 to 19 in one of these."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(N_SAMPLES), 60)
    x = rng.normal(size=(len(codes), 2)) + 6 * rng.integers(0, 2, len(codes))[:, None]
    log_rate = rng.normal(1, 0.4, N_GENES) + 0.1 * rng.normal(size=(N_SAMPLES, N_GENES))[codes]
    log_rate[:, :10] += 0.8 * LATE[codes][:, None]
    log_rate[:, 10:20] += 3.0 * (codes == ALONE)[:, None]
    fitted = fit_neighborhoods(x, 4)
    return fitted, fitted.weights(x), np.log1p(rng.poisson(np.exp(log_rate))), codes


def parts_of(weights: np.ndarray, y: np.ndarray, codes: np.ndarray) -> SampleParts:
    each = [
        collect_neighborhood_moments(weights[codes == s], y[codes == s], np.zeros((codes == s).sum(), dtype=int))
        for s in range(N_SAMPLES)
    ]
    return SampleParts(
        np.concatenate([one.mass for one in each]),
        np.concatenate([one.gram for one in each]),
        np.concatenate([one.sums for one in each]),
        np.stack([one.squares for one in each]),
    )


@pytest.fixture(scope="module")
def left_out(study: tuple) -> LeftOut:
    fitted, weights, y, codes = study
    nodes = neighborhood_tree(fitted)
    places = np.full(N_GENES, len(nodes) - 1)
    return genes_without(parts_of(weights, y, codes), nodes, DESIGN, np.arange(N_SAMPLES), places, SETTINGS)


@pytest.mark.parametrize("sample", [0, ALONE])
def test_it_is_the_test_of_data_without_the_sample(study: tuple, left_out: LeftOut, sample: int) -> None:
    fitted, weights, y, codes = study
    keep = codes != sample
    moments = collect_neighborhood_moments(weights[keep], y[keep], np.where(codes > sample, codes - 1, codes)[keep])
    use = np.arange(N_SAMPLES) != sample
    expected = gene_test(moments, neighborhood_tree(fitted), DESIGN.restricted(use), SETTINGS)
    np.testing.assert_allclose(left_out.pvalue[sample], expected.pvalue, rtol=1e-8)
    np.testing.assert_allclose(left_out.effect[sample], expected.effect[-1], rtol=1e-8)
    np.testing.assert_allclose(left_out.z[sample], expected.z[-1], rtol=1e-8)


def test_the_effect_of_one_sample_is_gone_without_it_and_that_of_all_stays(left_out: LeftOut) -> None:
    alone, all_late = left_out.effect[:, 10:20].mean(axis=1), left_out.effect[:, :10].mean(axis=1)
    assert abs(alone[ALONE]) < 0.15
    assert (np.delete(alone, ALONE) > 0.4).all()
    assert (all_late > 0.4).all()
    assert (left_out.pvalue[:, :10] < 0.05).mean() > 0.9


def test_a_donor_is_left_out_with_all_samples(study: tuple) -> None:
    fitted, weights, y, codes = study
    parts, nodes = parts_of(weights, y, codes), neighborhood_tree(fitted)
    donors = np.tile(np.arange(4), 2)
    matrix = np.column_stack([np.eye(4)[donors], LATE]).astype(float)
    paired = SampleDesign(matrix, np.array([0, 0, 0, 0, 1.0]))
    found = genes_without(parts, nodes, paired, donors, np.zeros(N_GENES, dtype=int), SETTINGS)
    assert found.pvalue.shape == (4, N_GENES)
    expected = gene_test(parts.of(donors != 2), nodes, paired.restricted(donors != 2), SETTINGS)
    np.testing.assert_array_equal(found.pvalue[2], expected.pvalue)


def test_what_cannot_be_tested_without_a_sample_is_missing(study: tuple) -> None:
    fitted, weights, y, codes = study
    few = np.isin(np.arange(N_SAMPLES), [0, 4, 5])
    parts, nodes = parts_of(weights, y, codes), neighborhood_tree(fitted)
    three = SampleParts(parts.mass[few], parts.gram[few], parts.sums[few], parts.squares[few])
    found = genes_without(three, nodes, DESIGN.restricted(few), np.arange(3), np.zeros(N_GENES, dtype=int), SETTINGS)
    # two samples leave no residual degree of freedom
    assert np.isnan(found.pvalue).all()


def test_a_call_rests_on_the_one_sample_without_which_it_is_lost() -> None:
    without = np.array([[0.01, 0.2, 0.2, 0.01], [0.3, 0.01, 0.3, 0.02], [0.01, np.nan, 0.01, 0.01]])
    called = np.array([True, True, True, True])
    assert rests_on(without[:, [0, 1, 2, 3]], called, 0.05).tolist() == [1, -1, -1, -1]
    assert rests_on(without, np.array([False] * 4), 0.05).tolist() == [-1] * 4
    only_missing = np.array([[0.01], [np.nan], [0.01]])
    assert rests_on(only_missing, np.array([True]), 0.05).tolist() == [1]
