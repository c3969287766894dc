"""The rough basis: its kernel, its residual, and what it does not depend on."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kompot_scverse._gp.rough import rough_basis


@pytest.fixture(scope="module")
def cells() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 3))


def test_all_cells_as_centres_give_the_kernel(cells):
    basis = rough_basis(cells, cells)
    spread = np.sqrt(cells.var(axis=0).sum())
    phi = basis.features(cells)
    np.testing.assert_allclose(phi @ phi.T, np.exp(-cdist(cells, cells) / (2 * spread)), atol=1e-6)
    assert basis.residual < 1e-6


def test_fewer_centres_leave_a_residual(cells):
    basis = rough_basis(cells[:20], cells)
    assert basis.rank == 20
    assert 0.05 < basis.residual < 0.5


def test_units_do_not_matter(cells):
    phi = rough_basis(cells[:20], cells).features(cells)
    scaled = rough_basis(1e4 * cells[:20] + 7e4, 1e4 * cells + 7e4).features(1e4 * cells + 7e4)
    np.testing.assert_allclose(scaled, phi, atol=1e-5)
