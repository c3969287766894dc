"""Sums of a task on a device equal those of double precision."""

import numpy as np
import pytest
import scipy.sparse as sp

from kompot_scverse._gp import device_sums as module
from kompot_scverse._gp.device import put_rows
from kompot_scverse._gp.device_sums import device_sums

pytestmark = pytest.mark.usefixtures("on_jax")

RNG = np.random.default_rng(0)
Y = RNG.poisson(0.4, size=(900, 20)) * RNG.uniform(0.5, 2, size=(900, 20))
PHI, WEIGHTS = RNG.normal(size=(900, 6)).astype(np.float32), RNG.uniform(size=(900, 2))
CODES = RNG.choice([-1, 1, 4], p=[0.2, 0.6, 0.2], size=900)
PHI[CODES < 0] = np.nan


@pytest.mark.parametrize(
    ("make", "dtype", "rtol", "dense"),
    [
        (sp.csr_array, np.float32, 1e-6, 2**28),
        (sp.csr_matrix, np.float64, 1e-13, 512 * 160),
        (np.asarray, np.float32, 1e-6, 512 * 80),
    ],
)
def test_sums_of_every_sample(make, dtype, rtol, dense, monkeypatch):
    """In one piece and in several; the errors in single precision are a millionth of the sums of absolute values at most."""
    monkeypatch.setattr(module, "DENSE", dense)
    y = Y.astype(dtype)
    products, grams = device_sums(make(y), PHI, WEIGHTS, CODES, grams=True)
    again, _ = device_sums(make(y), put_rows(PHI, 1024), WEIGHTS, CODES, grams=True)
    assert set(products) == set(grams) == set(again) == {1, 4}
    for sample, (cross, squares) in products.items():
        own = CODES == sample
        values, left = y[own].astype(np.float64), np.hstack([PHI, WEIGHTS])[own].astype(np.float64)
        size = np.abs(values).T @ np.abs(left)
        assert (np.abs(cross - values.T @ left) <= rtol * size).all()
        np.testing.assert_allclose(squares, np.square(values).T @ left[:, 6:], rtol=rtol)
        np.testing.assert_allclose(grams[sample], left[:, :6].T @ left[:, :6], rtol=1e-12, atol=1e-11)
        np.testing.assert_array_equal(again[sample][0], cross)
        cross += 1.0  # sums of tasks are added up in place


def test_weighted_sums_alone():
    products, grams = device_sums(Y, PHI[:, :0], WEIGHTS, CODES, grams=False)
    assert grams == {}
    np.testing.assert_allclose(products[4][0], Y[CODES == 4].T @ WEIGHTS[CODES == 4], rtol=1e-12)


def test_a_task_without_cells_that_take_part():
    assert device_sums(Y, PHI, WEIGHTS, np.full(900, -1), grams=True) == ({}, {})
