"""Neighbourhoods against brute-force sums and a dense two-way regression."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from moments import collect_neighborhood_moments

from kompot_scverse._stats.neighborhoods import (
    NARROW,
    NeighborhoodMoments,
    Neighborhoods,
    default_n_centers,
    fit_neighborhoods,
    neighborhood_tree,
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


@pytest.mark.parametrize("width", [1e-6, 0.9 * NARROW, 1.1 * NARROW, 1.0])
def test_narrow_neighbourhoods_are_exact_too(width: float) -> None:
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(1, 12)) + 2 * width * rng.normal(size=(7, 12))
    x = np.concatenate([centers + width * rng.normal(size=(7, 12)), np.full((1, 12), np.nan)])
    found = Neighborhoods(centers, width).weights(x)
    logits = -np.square(x[:7, None] - centers).sum(axis=2) / (2 * width**2)
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(found[:7], expected / expected.sum(axis=1, keepdims=True), rtol=1e-7, atol=1e-12)
    assert np.isnan(found[7]).all()


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


def test_many_cells_give_the_centers_of_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _, _ = cells()
    drawn = x[np.random.default_rng(0).choice(len(x), 100, replace=False)]
    expected, every = fit_neighborhoods(drawn, 5).centers, fit_neighborhoods(x, 5).centers
    monkeypatch.setattr("kompot_scverse._stats.neighborhoods.MAX_CELLS_FOR_CENTERS", 100)
    found = fit_neighborhoods(x, 5).centers
    np.testing.assert_array_equal(found, expected)
    assert not np.allclose(found, every)


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
