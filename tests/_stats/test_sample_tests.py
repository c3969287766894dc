"""The replicate tests from sums over samples, against the same tests of cells in memory."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from moments import collect_neighborhood_moments
from scipy.sparse import csr_array

from kompot_scverse._data.matrix import matrix_reader
from kompot_scverse._gp.moments import collect_moments
from kompot_scverse._stats.abundance_testing import abundance_test
from kompot_scverse._stats.design import ContrastDesign, Design
from kompot_scverse._stats.gene_testing import gene_test
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.neighborhoods import SLIGHT, neighborhood_tree
from kompot_scverse._stats.sample_tests import (
    ComputedWeights,
    SumsOfGenes,
    cell_weights,
    compare_abundance,
    compare_categories,
    compare_genes,
)

N_GENES = 60
CHOSEN = np.array([5, 2, 40])


@pytest.fixture(scope="module")
def study():
    """Ten samples, of which the first is no replicate, and cells that take no part; genes change in the late samples."""
    rng = np.random.default_rng(0)
    codes = np.append(np.repeat(np.arange(10), 50), np.full(20, -1))[rng.permutation(520)].astype(np.int32)
    x = rng.normal(size=(520, 2)) + 3 * rng.integers(0, 2, (520, 1))
    y = np.log1p(rng.poisson(np.exp(rng.normal(0.5, 0.4, N_GENES) + 0.2 * rng.normal(size=(11, N_GENES))[codes])))
    of_sample = np.repeat([0, 1], 5)
    design = Design(
        "time", ("early", "late"), np.where(codes < 0, -1, of_sample[codes]), "mouse",
        tuple(f"m{number}" for number in range(10)), codes, of_sample, np.arange(10) > 0,
    )  # fmt: skip
    members = np.arange(1, 10)
    matrix = np.column_stack([np.ones(9), of_sample[members]]).astype(float)
    contrast = ContrastDesign(members, SampleDesign(matrix, np.array([0.0, 1.0])))
    hard = csr_array(np.eye(2)[(x[:, 0] > 1.5).astype(int)])
    return x, y, design, contrast, cell_weights(x, design, 4, 0.5, hard)


def in_memory(weights, y, design, contrast):
    rows = np.isin(design.sample_codes, contrast.members)
    return collect_neighborhood_moments(weights[rows], y[rows], design.sample_codes[rows] - contrast.members[0])


def sums_of(y, design, weights):
    reader = matrix_reader(y, None, "y")
    found = collect_moments(
        reader, np.empty((len(y), 0)), design.sample_codes, len(design.samples), weights=weights.columns
    )
    return SumsOfGenes(found, CHOSEN, np.arange(N_GENES) % 2 == 0, np.arange(N_GENES))


def test_genes_are_tested_over_the_neighborhoods(study):
    x, y, design, contrast, weights = study
    found = compare_genes(sums_of(y, design, weights), weights, design, contrast)
    moments = in_memory(weights.soft.toarray(), y, design, contrast)
    expected = gene_test(
        moments, neighborhood_tree(weights.neighborhoods), contrast.matrix, reference=np.arange(N_GENES) % 2 == 0
    )
    np.testing.assert_allclose(found.pvalue, expected.pvalue[CHOSEN], rtol=1e-8)
    np.testing.assert_allclose(found.z, expected.z[:, CHOSEN], rtol=1e-6, atol=1e-9)


def test_categories_are_tested_by_themselves(study):
    x, y, design, contrast, weights = study
    found = compare_categories(sums_of(y, design, weights), weights, design, contrast)
    reference = np.arange(N_GENES) % 2 == 0
    moments = in_memory(weights.hard.toarray(), y, design, contrast)
    expected = gene_test(moments, np.eye(2, dtype=bool), contrast.matrix, reference=reference)
    assert found.node_pvalue.shape == (2, 3)
    np.testing.assert_allclose(found.node_pvalue, expected.node_pvalue[:, CHOSEN], rtol=1e-8)
    # means of the cells of a category, in samples of one size each
    hard = weights.hard.toarray()[:, 0] == 1
    means = [y[hard & (design.sample_codes == sample)][:, 5].mean() for sample in contrast.members]
    plain = np.mean(means[4:]) - np.mean(means[:4])
    assert found.effect[0, 0] == pytest.approx(plain, abs=0.05)


def test_abundance_is_tested_from_the_weights_of_the_cells(study):
    x, _, design, contrast, weights = study
    found = compare_abundance(weights, design, contrast)
    rows = [design.sample_codes == sample for sample in contrast.members]
    soft = weights.neighborhoods.weights(x)
    mass = np.stack([soft[own].sum(axis=0) for own in rows])
    gram = np.stack([soft[own].T @ soft[own] for own in rows])
    expected = abundance_test(mass, gram, contrast.matrix).to_cells(soft)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(weights.soft.toarray(), soft, atol=64 * SLIGHT)
    assert weights.soft.nnz < soft.size


def test_neighborhoods_belong_to_the_cells_of_the_analysis_in_any_order(study):
    x, _, design, _, weights = study
    order = np.random.default_rng(1).permutation(len(x))
    moved = x[order].copy()
    moved[design.sample_codes[order] < 0] += 100
    codes = design.sample_codes[order]
    other = Design(
        "time", design.conditions, np.where(codes < 0, -1, design.sample_conditions[codes]), "mouse", design.samples,
        codes, design.sample_conditions, design.usable,
    )  # fmt: skip
    found = cell_weights(moved, other, 4, 0.5)
    np.testing.assert_allclose(found.neighborhoods.centers, weights.neighborhoods.centers, rtol=1e-12)
    soft = found.soft.toarray()[codes >= 0]
    np.testing.assert_allclose(soft, weights.soft.toarray()[order][codes >= 0], rtol=1e-9, atol=1e-12)
    assert found.columns.shape == (520, 4)
    np.testing.assert_allclose(weights.columns.toarray()[:, 4:], weights.hard.toarray())
    assert weights.describe(SimpleNamespace(model=SimpleNamespace(frame=SimpleNamespace(scale=2.0)))) == {
        "n_neighborhoods": 4,
        "neighborhood_width": 2 * weights.neighborhoods.width,
    }


def test_weights_that_are_computed_again_are_the_same(study):
    x, *_, weights = study
    computed, kept = ComputedWeights(weights.neighborhoods, x, weights.hard), weights.columns
    assert computed.shape == kept.shape
    rows = slice(100, 180)
    there = replace(computed.without_points(rows), x=x[rows])
    for found in (computed[rows], computed.piece(np.arange(100, 180))[:], there[:]):
        np.testing.assert_allclose(found.toarray(), kept[rows].toarray(), rtol=1e-12)
