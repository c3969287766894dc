"""The level of a log ratio against what defines it."""

import numpy as np
import pytest
from scipy.special import expit

from kompot_scverse._gp.cell_blocks import CellBlocks
from kompot_scverse._gp.mass_level import mass_level


def test_as_many_cells_are_expected_of_the_second_density_as_it_has():
    rng = np.random.default_rng(0)
    phi, weights = rng.normal(size=(100, 3)), np.array([1.0, -0.5, 2.0])
    offset, center, variance = mass_level(CellBlocks(phi, np.zeros(100, dtype=int)), weights, 30)
    p = expit(np.log(30 / 70) + offset + phi @ weights)
    assert p.sum() == pytest.approx(30, abs=1e-9)
    known = p * (1 - p)
    np.testing.assert_allclose(center, known @ phi / known.sum(), rtol=1e-9)
    assert variance == pytest.approx(max(1 / known.sum() - 1 / 30 - 1 / 70, 0), rel=1e-9)
