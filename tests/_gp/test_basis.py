"""The basis reproduces the kernel, whatever the order of the cells."""

import re

import numpy as np
import pytest

from kompot_scverse._gp import basis as module
from kompot_scverse._gp.basis import Basis, expected_rank, fit_basis
from kompot_scverse._gp.kernel import Kernel
from kompot_scverse._gp.mellon import kernel_function, load_mellon


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return Kernel(kernel_function(None, 2.0))


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 3))


def basis_of(x: np.ndarray, kernel: Kernel, **settings) -> Basis:
    return fit_basis(x, kernel, **settings)[0]


def test_features_reproduce_kernel(x, kernel):
    basis, left_out = fit_basis(x, kernel, rtol=1e-8)
    phi = basis.features(x)
    assert phi.shape == (300, basis.rank)
    assert basis.residual <= 1e-8
    # |residual covariance| ≤ its diagonal's maximum
    residual = kernel.diagonal(x) - np.square(phi).sum(axis=1)
    assert residual.mean() == pytest.approx(basis.residual, abs=1e-10)
    np.testing.assert_allclose(left_out, residual, atol=1e-10)
    np.testing.assert_allclose(phi @ phi.T, kernel(x, x), atol=residual.max() + 1e-10)


def test_cholesky_of_the_pivots(x, kernel):
    basis = basis_of(x, kernel, rtol=1e-4)
    np.testing.assert_allclose(basis.cholesky @ basis.cholesky.T, kernel(basis.pivots, basis.pivots), atol=1e-12)
    assert (np.triu(basis.cholesky, 1) == 0).all()
    np.testing.assert_allclose(basis.features(basis.pivots), basis.cholesky, atol=1e-9)


def test_rank_is_no_larger_than_needed_or_allowed(x, kernel):
    full = basis_of(x, kernel, rtol=1e-4)
    shorter = basis_of(x, kernel, max_rank=full.rank - 1, rtol=1e-4)
    assert shorter.rank == full.rank - 1
    assert shorter.residual > 1e-4 >= full.residual
    np.testing.assert_array_equal(shorter.pivots, full.pivots[:-1])


def test_order_of_cells_does_not_matter(x, kernel):
    order = np.random.default_rng(1).permutation(len(x))
    a, b = basis_of(x, kernel), basis_of(x[order], kernel)
    np.testing.assert_array_equal(a.pivots, b.pivots)


def test_fewer_cells_than_rank(kernel):
    x = np.random.default_rng(2).normal(size=(12, 3))
    basis = basis_of(x, kernel, rtol=0)
    assert basis.rank == 12
    phi = basis.features(x)
    np.testing.assert_allclose(phi @ phi.T, kernel(x, x), atol=1e-8)


def test_duplicates_and_identical_cells(x, kernel):
    assert basis_of(np.ones((40, 3)), kernel, rtol=0).rank == 1
    doubled = basis_of(np.concatenate([x[:20], x[:20]]), kernel, rtol=0)
    assert doubled.rank == 20


@pytest.mark.parametrize("apart", [1e-12, 1e-9])
@pytest.mark.parametrize("rtol", [0, 1e-6])
def test_nearly_the_same_cells_add_nothing(x, kernel, apart, rtol):
    """A feature vector longer than the prior allows is the sign of distances that cancel."""
    x = x[:60]
    near = np.concatenate([x, x + apart * np.random.default_rng(1).normal(size=x.shape)])
    one, both = basis_of(x, kernel, rtol=rtol), basis_of(near, kernel, rtol=rtol)
    assert both.rank == one.rank
    assert np.square(both.features(near)).sum(axis=1).max() <= 1 + 1e-9
    a, b = one.features(x), both.features(near[60:])
    np.testing.assert_allclose(b @ b.T, a @ a.T, atol=1e-6)


def test_order_does_not_matter_where_cells_tie(kernel):
    """On a lattice many cells have the same residual, and the same first coordinates."""
    grid = np.stack(np.meshgrid(*[np.arange(4.0)] * 4), axis=-1).reshape(-1, 4)
    first = basis_of(grid, kernel, rtol=1e-4)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(grid))
        np.testing.assert_array_equal(basis_of(grid[order], kernel, rtol=1e-4).pivots, first.pivots)
        # rounding does not choose between cells that tie
        turned = basis_of(grid[order] * 0.1 / 0.1 + 1e-9, kernel, rtol=1e-4)
        np.testing.assert_allclose(turned.pivots, first.pivots, atol=1e-8)


def test_covariances_that_are_none():
    cov = load_mellon().cov
    with pytest.raises(ValueError, match="no prior of a function"):
        basis_of(np.zeros((5, 2)), Kernel(cov.Linear(ls=1.0)))
    with pytest.raises(ValueError, match="no prior of a function"):
        basis_of(np.eye(5), Kernel(cov.Matern52(ls=1.0) * -1.0))
    with pytest.raises(ValueError, match="not finite between"):
        basis_of(np.eye(5) * 3, Kernel((cov.Matern52(ls=1.0) + -0.5) ** 0.5))


def test_cells_without_a_state_have_no_features(x, kernel):
    basis = basis_of(x, kernel)
    y = x[:5].copy()
    y[1, 0], y[3, 2] = np.nan, np.inf
    phi = basis.features(y)
    assert np.isnan(phi[[1, 3]]).all()
    np.testing.assert_allclose(phi[[0, 2, 4]], basis.features(x[[0, 2, 4]]), rtol=1e-12)


def test_blocks_do_not_matter(x, kernel, monkeypatch):
    basis = basis_of(x, kernel)
    whole = basis.features(x)
    monkeypatch.setattr(module, "BLOCK", 37)
    np.testing.assert_allclose(basis.features(x), whole, atol=1e-9)


def test_pivots_from_a_draw_serve_all_cells(x, kernel, monkeypatch):
    """A far cluster that the draw of candidates misses still gets pivots."""
    far = np.concatenate([x, [[30.0, 0, 0]]])
    monkeypatch.setattr(module, "MAX_CANDIDATES", 200)
    basis, left_out = fit_basis(far, kernel, rtol=1e-4)
    assert basis.residual <= 1e-4
    residual = 1 - np.square(basis.features(far)).sum(axis=1)
    np.testing.assert_allclose(left_out, residual, atol=1e-12)
    assert residual.mean() <= 1e-4


def test_rank_is_extrapolated_along_a_power():
    means = list(3.0 * np.arange(1, 65) ** -2.0)
    assert expected_rank(means, 3.0 * 200.0**-2) == pytest.approx(200, abs=1)
    assert expected_rank(means, 1.0) == 64
    assert expected_rank([1.0] * 64, 0.1) == 64
    assert expected_rank(means, 0.0) == 64


def test_long_fits_show_their_progress(capsys, monkeypatch, x, kernel):
    monkeypatch.setattr("kompot_scverse._gp.progress.DELAY", 0.0)
    basis_of(x, kernel, rtol=1e-6)
    assert re.search(r"basis: .*/\d+ \[", capsys.readouterr().err)
