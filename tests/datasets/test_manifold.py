"""The tree of cell states against integrals and the equation of its eigenfunctions."""

import numpy as np
import pytest

from kompot_scverse.datasets import _manifold as tree

CHANGE = np.array([1.0, 0.0, 0.5, -1.0])


def path(branch: int, n: int = 401) -> tuple[np.ndarray, np.ndarray]:
    return np.full(n, branch), np.linspace(0, 1, n)


def test_ramps_and_bumps_are_of_one_branch_and_flat_at_their_ends():
    branch, s = path(2)
    for function, tip in ((tree.ramps, 1.0), (tree.bumps, 0.0)):
        values = function(branch, s)
        np.testing.assert_array_equal(np.delete(values, 2, axis=1), 0)
        own = values[:, 2]
        np.testing.assert_allclose(own[[0, -1]], [0, tip], atol=1e-12)
        slope = np.gradient(own, s, edge_order=2)
        np.testing.assert_allclose(slope[[0, -1]], 0, atol=0.02)


def test_both_densities_have_unit_mass():
    branch, s, reference = tree._grid()
    assert reference.sum() == pytest.approx(1)
    ratio = np.exp(tree.log_density_change(branch, s, CHANGE))
    assert reference @ ratio == pytest.approx(1)
    # relative to the branch point, the tips change as asked for
    tips = tree.log_density_change(np.arange(4), np.ones(4), CHANGE)
    np.testing.assert_allclose(tips - tree.log_density_change(np.arange(1), np.zeros(1), CHANGE), CHANGE)


def test_cells_are_drawn_from_the_density():
    found = tree.sample_positions(40_000, CHANGE, 1.0, 0.0, np.random.default_rng(0))
    branch, s, reference = tree._grid()
    mass = reference * np.exp(tree.log_density_change(branch, s, CHANGE))
    for number in range(4):
        own = found.branch == number
        assert own.mean() == pytest.approx(mass[branch == number].sum(), abs=0.01)
        expected = mass[(branch == number) & (s < 0.5)].sum()
        assert (own & (found.s < 0.5)).mean() == pytest.approx(expected, abs=0.01)


def test_eigenfunctions_solve_their_equation_and_are_orthonormal():
    n = 6
    total, products, flux = tree._LENGTHS.sum(), np.zeros((n, n)), np.zeros(n)
    for number, length in enumerate(tree._LENGTHS):
        branch, s = path(number)
        functions, values = tree.eigenfunctions(branch, s, n)
        x = s * length
        products += np.trapezoid(functions[:, :, None] * functions[:, None], x, axis=0) / total
        slope = np.gradient(functions, x, axis=0, edge_order=2)
        second = np.gradient(slope, x, axis=0)[20:-20]
        np.testing.assert_allclose(second, -values * functions[20:-20], atol=0.05 * values.max())
        # nothing flows out of a tip, and what flows into the branch point flows out of it
        assert np.abs(slope[-1]).max() < 0.02 * np.abs(slope).max()
        flux += slope[0]
    np.testing.assert_allclose(products, np.eye(n), atol=0.01)
    np.testing.assert_allclose(flux, 0, atol=0.02 * n)
    assert (np.diff(values) > 0).all()


def test_pseudotime_and_types_follow_the_path_from_the_stem_cells():
    branch, s = np.array([0, 0, 1, 1, 3]), np.array([1.0, 0.2, 0.2, 0.8, 0.9])
    found = tree.Positions(branch, s, np.zeros((5, 2)))
    assert (np.diff(found.pseudotime[:4]) > 0).all()
    assert found.pseudotime[0] == 0
    assert [tree.CELLTYPES[code] for code in found.celltype_code] == ["HSC", "MPP", "MEP", "Erythroid", "B cell"]
    both = tree.concatenate([found[np.array([0, 1])], found[np.array([2, 3, 4])]])
    np.testing.assert_array_equal(both.s, s)
