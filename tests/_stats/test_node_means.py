"""Means of samples over groups of neighbourhoods against a dense two-way regression and brute force."""

import numpy as np
import pytest
from moments import collect_neighborhood_moments

from kompot_scverse._stats.gene_testing import gene_test
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.neighborhoods import (
    NeighborhoodMoments,
    fit_neighborhoods,
    neighborhood_tree,
)
from kompot_scverse._stats.node_means import effective_cells, node_means

HALVES = np.repeat([-1 / 3, 1 / 3], 3)
"""Contrast of the last three of six samples with the others."""


def cells(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four blobs in five dimensions, counts of seven genes, six samples."""
    rng = np.random.default_rng(seed)
    blob = rng.integers(0, 4, n)
    x = rng.normal(size=(n, 5)) + 6 * np.eye(5)[blob]
    y = rng.poisson(1 + blob[:, None] * np.arange(7) / 3).astype(float)
    return x, y, np.concatenate([np.arange(6), rng.integers(0, 6, n - 6)])


def moments_of(seed: int = 0, n_centers: int = 5) -> tuple[NeighborhoodMoments, np.ndarray, np.ndarray]:
    x, y, codes = cells(seed)
    neighborhoods = fit_neighborhoods(x, n_centers, 0.3)
    weights = neighborhoods.weights(x)
    return collect_neighborhood_moments(weights, y, codes), neighborhood_tree(neighborhoods), weights


def test_effective_cells_of_groups() -> None:
    moments, tree, weights = moments_of()
    _, _, codes = cells()
    for members in tree:
        omega = weights[:, members].sum(axis=1)
        expected = [omega[codes == s].sum() ** 2 / (omega[codes == s] ** 2).sum() for s in range(6)]
        np.testing.assert_allclose(effective_cells(moments, members), expected, rtol=1e-10)
    np.testing.assert_allclose(effective_cells(moments, tree[-1]), np.bincount(codes))


def test_single_neighborhood_gives_weighted_means() -> None:
    moments, tree, weights = moments_of()
    _, y, codes = cells()
    data = node_means(moments, tree[2], HALVES)
    expected = [np.average(y[codes == s], axis=0, weights=weights[codes == s, 2]) for s in range(6)]
    np.testing.assert_allclose(data.means, expected, rtol=1e-10)
    np.testing.assert_allclose(data.covariance, np.diag(1 / effective_cells(moments, tree[2])), rtol=1e-12)
    np.testing.assert_allclose(data.level, np.average(y, axis=0, weights=weights[:, 2]))
    deviation = y - data.level
    np.testing.assert_allclose(data.cell_variance, np.average(deviation**2, axis=0, weights=weights[:, 2]), rtol=1e-9)
    # as many cells on both sides, and few that express: their number
    rare = (np.random.default_rng(0).random((2000, 3)) < 0.01).astype(float)
    binary = collect_neighborhood_moments(np.ones((2000, 1)), rare, np.arange(2000) % 2)
    found = node_means(binary, np.array([True]), np.array([-1.0, 1.0])).n_expressing
    np.testing.assert_allclose(found, rare.sum(axis=0), rtol=0.03)


@pytest.mark.parametrize("members", [[True, False], [True, True]])
def test_a_gene_with_one_value_does_not_vary(members: list[bool]) -> None:
    soft = np.random.default_rng(0).dirichlet([0.3, 0.3], 500)
    y = np.repeat([[0.1, 1.7, 1e5]], 500, axis=0)
    data = node_means(collect_neighborhood_moments(soft, y, np.arange(500) % 6), np.array(members), HALVES)
    np.testing.assert_array_equal(data.cell_variance, 0)
    np.testing.assert_array_equal(data.n_expressing, 0)


def test_group_means_are_the_two_way_regression() -> None:
    """Witness: weighted least squares of all (sample, neighbourhood) means on sample and neighbourhood dummies."""
    moments, tree, _ = moments_of()
    members = tree[-2]
    j = np.flatnonzero(members)
    mass = moments.mass[:, j]
    means = moments.sums[:, j] / mass[:, :, None]
    s, m = mass.shape
    assert m > 1
    x = np.hstack([np.kron(np.eye(s), np.ones((m, 1))), np.kron(np.ones((s, 1)), np.eye(m))])
    root = np.sqrt(mass.ravel())[:, None]
    beta = np.linalg.lstsq(root * x, root * means.reshape(s * m, -1), rcond=None)[0][:s]
    found = node_means(moments, members, HALVES).means
    np.testing.assert_allclose(found - found.mean(axis=0), beta - beta.mean(axis=0), atol=1e-9)


def test_composition_alone_does_not_move_group_means() -> None:
    rng = np.random.default_rng(0)
    weights = np.repeat(np.eye(2), 600, axis=0)
    # the second half of the samples has its cells in the other neighbourhood, with the same expression there
    codes = np.concatenate([rng.choice(4, 600, p=[0.4, 0.4, 0.1, 0.1]), rng.choice(4, 600, p=[0.1, 0.1, 0.4, 0.4])])
    y = np.repeat([[1.0], [5.0]], 600, axis=0)
    moments = collect_neighborhood_moments(weights, y, codes)
    both = np.array([True, True])
    plain = moments.sums.sum(axis=1) / moments.mass.sum(axis=1)[:, None]
    assert np.ptp(plain) > 1
    assert np.ptp(node_means(moments, both, np.array([-0.5, -0.5, 0.5, 0.5])).means) < 1e-9


def test_samples_without_common_neighborhood_are_not_comparable() -> None:
    codes = np.repeat([0, 1, 2, 3], 100)
    overlap = np.full(400, 1e-4)
    weights = np.where(
        codes[:, None] < 2, np.column_stack([1 - overlap, overlap]), np.column_stack([overlap, 1 - overlap])
    )
    moments = collect_neighborhood_moments(weights, np.ones((400, 1)), codes)
    contrast = np.array([-0.5, -0.5, 0.5, 0.5])
    covariance = node_means(moments, np.array([True, True]), contrast).covariance
    assert contrast @ covariance @ contrast > 10 * (1 / 100)


def test_samples_in_separate_neighborhoods_do_not_differ_and_empty_ones_do_no_harm() -> None:
    codes = np.repeat([0, 1, 2, 3], 50)
    weights = np.eye(3)[codes // 2]
    y = np.random.default_rng(0).normal(size=(200, 4)) + 10 * (codes >= 2)[:, None]
    contrast = np.array([-0.5, -0.5, 0.5, 0.5])
    data = node_means(collect_neighborhood_moments(weights, y, codes), np.array([True, True, True]), contrast)
    means = data.means
    assert (data.cell_variance == 0).all(), "nothing to compare is not tested"
    np.testing.assert_allclose(means[:2].mean(axis=0), means[2:].mean(axis=0), atol=1e-9)
    assert np.ptp(means, axis=0).min() > 1e-3


def impulses(weights: np.ndarray, codes: np.ndarray, members: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """Coefficient of each cell in the contrast, by brute force: every cell in turn is the only one that expresses."""
    moments = collect_neighborhood_moments(weights, np.eye(len(codes)), codes)
    return contrast @ node_means(moments, members, contrast).means


@pytest.mark.parametrize("members", [[True, False, False], [True, True, False], [True, True, True]])
def test_variance_and_number_of_expressing_cells_are_those_of_the_contrast(members: list[bool]) -> None:
    rng = np.random.default_rng(3)
    codes = rng.choice(6, 600, p=[0.02, 0.03, 0.05, 0.3, 0.3, 0.3])
    where = rng.integers(0, 3, 600)
    weights = np.eye(3)[where]
    y = (rng.random((600, 4)) < np.array([0.1, 0.4, 0.8])[where][:, None]).astype(float)
    moments = collect_neighborhood_moments(weights, y, codes)
    data = node_means(moments, np.array(members), HALVES)
    a = impulses(weights, codes, np.array(members), HALVES)
    variances = np.array([y[where == j].var(axis=0) for j in range(3)])[where]
    np.testing.assert_allclose(HALVES @ data.covariance @ HALVES * data.cell_variance, a**2 @ variances, rtol=1e-9)
    means = np.array([y[where == j].mean(axis=0) for j in range(3)])[where]
    expected = (a**2 @ variances) ** 3 / (np.abs(a) ** 3 @ (variances**2 / means)) ** 2
    np.testing.assert_allclose(data.n_expressing, expected, rtol=1e-9)


def test_few_cells_on_one_side_give_no_small_p_for_rare_genes() -> None:
    """Eighteen cells of one condition among 200 of the other: two expressing ones too many are no finding."""
    rng = np.random.default_rng(5)
    sizes = [6, 6, 6, 64, 64, 64]
    codes = np.repeat(np.arange(6), sizes)
    y = np.log1p(rng.poisson(np.geomspace(0.02, 3, 3000), size=(len(codes), 3000)) * 2.0)
    moments: NeighborhoodMoments = collect_neighborhood_moments(np.ones((len(codes), 1)), y, codes)
    matrix = np.column_stack([np.ones(6), np.arange(6) >= 3]).astype(float)
    test = gene_test(moments, np.ones((1, 1), dtype=bool), SampleDesign(matrix, np.array([0.0, 1.0])))
    p = test.pvalue[np.isfinite(test.pvalue)]
    assert 300 < len(p) < 2500
    assert (p < 0.001).mean() < 0.004
    assert np.nanmin(test.qvalue) > 0.05
