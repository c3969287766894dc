"""The estimated rank is that of the basis, whatever the kernel and the units."""

import numpy as np
import pytest

from kompot_scverse._gp.mellon import load_mellon
from kompot_scverse._gp.model import fit_cell_states
from kompot_scverse._gp.rank_estimate import estimate_rank
from kompot_scverse.settings import GPSettings

cov = load_mellon().cov


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(500, 4))


@pytest.mark.parametrize("scale", [1e-100, 1.0])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"kernel": "Matern32", "rtol": 1e-4},
        {"kernel": "Exponential", "rtol": 1e-2},
        {"kernel": "Linear"},
        {"ls": 3.0, "rtol": 1e-4},
    ],
    ids=str,
)
def test_is_the_rank_of_the_basis(x, settings, scale):
    if "ls" in settings:
        settings = settings | {"ls": settings["ls"] * scale}
    gp = GPSettings(**settings)
    rank = fit_cell_states(x * scale, gp).basis.rank
    assert abs(estimate_rank(x * scale, gp) - rank) <= max(3, 0.03 * rank)


@pytest.mark.parametrize("scaled", [1.0, 5.0])
def test_kernels_with_a_length_scale_of_their_own(x, scaled):
    gp = GPSettings(kernel=cov.Matern52(ls=2.0) * scaled, rtol=1e-3)
    rank = fit_cell_states(x, gp).basis.rank
    assert rank > 50
    assert abs(estimate_rank(x, gp) - rank) <= 0.03 * rank


def test_copies_of_cells_do_not_make_the_length_scale(x):
    copies = np.concatenate([x, x + 1e-9 * np.random.default_rng(1).normal(size=x.shape)])
    gp = GPSettings(ls_factor=1.0, rtol=1e-4)
    assert estimate_rank(copies, gp) == pytest.approx(estimate_rank(x, gp), rel=0.05)


def test_identical_cells():
    assert estimate_rank(np.ones((30, 2)), GPSettings()) == 1
    assert estimate_rank(np.zeros((30, 2)), GPSettings(kernel="Linear", ls=1.0)) == 1
