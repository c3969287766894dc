"""The level at which both densities have mass one, against its equation."""

import numpy as np
import pytest
from scipy.special import expit

from kompot_scverse._gp.cell_blocks import CellBlocks
from kompot_scverse._gp.mass_level import mass_level

RNG = np.random.default_rng(0)
PHI, WEIGHTS = RNG.normal(size=(300, 3)), np.array([1.5, -0.7, 0.2])
CELLS = CellBlocks(PHI, np.zeros(300, dtype=np.int8))


@pytest.mark.parametrize("n_late", [30.0, 150.0, 270.0])
def test_the_fitted_probabilities_sum_to_the_cells_of_the_second_density(n_late: float) -> None:
    offset, centre, variance = mass_level(CELLS, WEIGHTS, n_late)
    odds = np.log(n_late / (300 - n_late))
    probability = expit(odds + offset + PHI @ WEIGHTS)
    assert probability.sum() == pytest.approx(n_late)
    # densities of the log ratio over the pooled cells
    for density in (probability / n_late, (1 - probability) / (300 - n_late)):
        assert density.sum() == pytest.approx(1)
    known = probability * (1 - probability)
    np.testing.assert_allclose(centre, known @ PHI / known.sum(), rtol=1e-6)
    assert variance == pytest.approx(max(1 / known.sum() - 1 / n_late - 1 / (300 - n_late), 0))


def test_without_a_change_there_is_no_offset() -> None:
    offset, centre, variance = mass_level(CELLS, np.zeros(3), 100.0)
    assert offset == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(centre, PHI.mean(axis=0), rtol=1e-6)
    assert variance == pytest.approx(0, abs=1e-12)
