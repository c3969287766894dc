"""Neighbourhoods against brute-force sums and a dense two-way regression."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from kompot_scverse._stats.neighborhoods import (
    NeighborhoodMoments,
    collect_neighborhood_moments,
    default_n_centers,
    effective_cells,
    fit_neighborhoods,
    neighborhood_tree,
    node_means,
)


def cells(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four blobs in five dimensions, counts of seven genes, six samples."""
    rng = np.random.default_rng(seed)
    blob = rng.integers(0, 4, n)
    x = rng.normal(size=(n, 5)) + 6 * np.eye(5)[blob]
    y = rng.poisson(1 + blob[:, None] * np.arange(7) / 3).astype(float)
    return x, y, np.concatenate([np.arange(6), rng.integers(0, 6, n - 6)])


def moments_of(seed: int = 0, n_centers: int = 5) -> tuple[NeighborhoodMoments, np.ndarray, np.ndarray]:
    x, y, codes = cells(seed)
    neighborhoods = fit_neighborhoods(x, n_centers)
    weights = neighborhoods.weights(x)
    return collect_neighborhood_moments(weights, y, codes), neighborhood_tree(neighborhoods), weights


def test_weights_are_gaussian_and_sum_to_one() -> None:
    x, _, _ = cells()
    fitted = fit_neighborhoods(x, 6)
    weights = fitted.weights(x)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    d2 = ((x[:, None] - fitted.centers) ** 2).sum(axis=2)
    np.testing.assert_allclose(
        np.log(weights[:, 0] / weights[:, 1]), -(d2[:, 0] - d2[:, 1]) / (2 * fitted.width**2), atol=1e-8
    )


def test_width_is_in_units_of_the_median_distance_to_the_nearest_center() -> None:
    x, _, _ = cells()
    fitted = fit_neighborhoods(x, 6, width=0.7)
    nearest = np.sqrt(((x[:, None] - fitted.centers) ** 2).sum(axis=2)).min(axis=1)
    assert fitted.width == pytest.approx(0.7 * np.median(nearest), rel=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_order_of_cells_does_not_matter(seed: int) -> None:
    x, _, _ = cells(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    first, second = fit_neighborhoods(x, 6), fit_neighborhoods(x[order], 6)
    np.testing.assert_allclose(second.centers, first.centers, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(second.weights(x[order]), first.weights(x)[order], atol=1e-7)


def test_default_number_of_centers() -> None:
    assert 20 <= default_n_centers(2_000, 8) <= 28
    assert default_n_centers(10**6, 20) > default_n_centers(10**5, 20) > default_n_centers(10**4, 20)
    assert default_n_centers(10**9, 4) == 64
    assert default_n_centers(4, 4) == default_n_centers(0, 0) == 1
    # never more than the samples can fill
    assert all(default_n_centers(c * 6, 6) <= max(1, c / 3 + 0.5) for c in range(1, 60))


def test_centers_find_separate_blobs() -> None:
    x, _, _ = cells()
    found = fit_neighborhoods(x, 4).centers
    distances = np.linalg.norm(found[:, None] - 6 * np.eye(5)[:4], axis=2)
    assert sorted(distances.argmin(axis=0)) == [0, 1, 2, 3]
    assert distances.min(axis=0).max() < 0.5


def test_fewer_distinct_cells_than_centers() -> None:
    x = np.repeat(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]]), 10, axis=0)
    fitted = fit_neighborhoods(x, 8)
    assert len(fitted.centers) == 3
    np.testing.assert_allclose(fitted.weights(x).max(axis=1), 1, atol=1e-6)
    one = fit_neighborhoods(np.ones((5, 2)), 4)
    np.testing.assert_array_equal(one.weights(np.ones((5, 2))), np.ones((5, 1)))
    np.testing.assert_array_equal(neighborhood_tree(one), [[True]])


def test_subset_of_many_cells_depends_on_rng_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kompot_scverse._stats.neighborhoods.MAX_CELLS_FOR_CENTERS", 100)
    x, _, _ = cells()
    first, same, other = (fit_neighborhoods(x, 5, rng=np.random.default_rng(s)).centers for s in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


def test_tree_is_nested_and_complete() -> None:
    _, tree, _ = moments_of(n_centers=7)
    assert tree.shape == (13, 7)
    np.testing.assert_array_equal(tree[:7], np.eye(7, dtype=bool))
    assert tree[-1].all()
    for a in tree:
        for b in tree:
            shared = a & b
            assert not shared.any() or (shared == a).all() or (shared == b).all()


def test_moments_against_loops_sparse_and_added() -> None:
    x, y, codes = cells()
    weights = fit_neighborhoods(x, 5).weights(x)
    dense = collect_neighborhood_moments(weights, y, codes)
    for s in range(6):
        inside = codes == s
        np.testing.assert_allclose(dense.sums[s], np.einsum("ij,ig->jg", weights[inside], y[inside]))
        np.testing.assert_allclose(dense.gram[s], np.einsum("ij,ik->jk", weights[inside], weights[inside]))
        np.testing.assert_allclose(dense.mass[s], weights[inside].sum(axis=0))
    np.testing.assert_allclose(dense.squares, np.einsum("ij,ig->jg", weights, y**2))
    first = np.arange(len(x)) < 250
    for matrix in (sp.csr_matrix(y), sp.csr_array(y)):
        parts = [collect_neighborhood_moments(weights[m], matrix[np.flatnonzero(m)], codes[m]) for m in (first, ~first)]
        total = parts[0] + parts[1]
        for name in ("mass", "gram", "sums", "squares"):
            np.testing.assert_allclose(getattr(total, name), getattr(dense, name), rtol=1e-12)


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
    data = node_means(moments, tree[2])
    expected = [np.average(y[codes == s], axis=0, weights=weights[codes == s, 2]) for s in range(6)]
    np.testing.assert_allclose(data.means, expected, rtol=1e-10)
    np.testing.assert_allclose(data.covariance, np.diag(1 / effective_cells(moments, tree[2])), rtol=1e-12)
    np.testing.assert_allclose(data.level, np.average(y, axis=0, weights=weights[:, 2]))
    deviation = y - data.level
    np.testing.assert_allclose(data.cell_variance, np.average(deviation**2, axis=0, weights=weights[:, 2]), rtol=1e-9)
    binary = collect_neighborhood_moments(np.ones((len(y), 1)), (y > 2).astype(float), codes)
    np.testing.assert_allclose(node_means(binary, np.array([True])).n_expressing, (y > 2).sum(axis=0))


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
    found = node_means(moments, members).means
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
    assert np.ptp(node_means(moments, both).means) < 1e-9


def test_samples_without_common_neighborhood_are_not_comparable() -> None:
    codes = np.repeat([0, 1, 2, 3], 100)
    overlap = np.full(400, 1e-4)
    weights = np.where(
        codes[:, None] < 2, np.column_stack([1 - overlap, overlap]), np.column_stack([overlap, 1 - overlap])
    )
    moments = collect_neighborhood_moments(weights, np.ones((400, 1)), codes)
    contrast = np.array([-0.5, -0.5, 0.5, 0.5])
    covariance = node_means(moments, np.array([True, True])).covariance
    assert contrast @ covariance @ contrast > 10 * (1 / 100)


def test_samples_in_separate_neighborhoods_do_not_differ_and_empty_ones_do_no_harm() -> None:
    codes = np.repeat([0, 1, 2, 3], 50)
    weights = np.eye(3)[codes // 2]
    y = np.random.default_rng(0).normal(size=(200, 4)) + 10 * (codes >= 2)[:, None]
    means = node_means(collect_neighborhood_moments(weights, y, codes), np.array([True, True, True])).means
    np.testing.assert_allclose(means[:2].mean(axis=0), means[2:].mean(axis=0), atol=1e-9)
    assert np.ptp(means, axis=0).min() > 1e-3
