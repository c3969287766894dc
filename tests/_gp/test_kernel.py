"""Kernels of points in a frame, against the formula in units of the representation."""

import pickle

import numpy as np
import pytest

from kompot_scverse._gp import kernel as module
from kompot_scverse._gp.covariance import Stationary
from kompot_scverse._gp.frame import fit_frame
from kompot_scverse._gp.kernel import Kernel
from kompot_scverse._gp.mellon import load_mellon

RNG = np.random.default_rng(0)
X, Y = 1000 + 30 * RNG.normal(size=(7, 3)), 1000 + 30 * RNG.normal(size=(9, 3))


def matern52(ls: float) -> np.ndarray:
    r = np.sqrt(5) * np.linalg.norm(X[:, None] - Y[None], axis=2) / ls
    return (1 + r + r**2 / 3) * np.exp(-r)


@pytest.mark.parametrize("values", [2**18, 10])
def test_values_are_those_of_the_formula_in_blocks_of_any_size(values, monkeypatch):
    monkeypatch.setattr(module, "VALUES", values)
    frame = fit_frame(X)
    kernel = Kernel(load_mellon().cov.Matern52(40.0), frame)
    np.testing.assert_allclose(kernel(frame.inward(X), frame.inward(Y)), matern52(40.0), rtol=1e-10)
    # without a frame points are in units of the representation
    np.testing.assert_allclose(Kernel(load_mellon().cov.Matern52(40.0))(X, Y), matern52(40.0), rtol=1e-10)


def test_the_diagonal_is_the_prior_variance():
    frame = fit_frame(X)
    kernel = Kernel(2.0 * load_mellon().cov.Matern52(40.0) + load_mellon().cov.Linear(20.0), frame)
    points = frame.inward(X)
    np.testing.assert_allclose(kernel.diagonal(points), np.diag(kernel(points, points)), rtol=1e-8)


@pytest.mark.parametrize("function", [load_mellon().cov.Matern52(40.0), Stationary("Matern52", 40.0)], ids=repr)
def test_a_kernel_that_was_sent_gives_the_same_values(function):
    frame = fit_frame(X)
    kernel = Kernel(function, frame)
    again = pickle.loads(pickle.dumps(kernel))
    np.testing.assert_array_equal(again(frame.inward(X), frame.inward(Y)), kernel(frame.inward(X), frame.inward(Y)))


@pytest.mark.usefixtures("on_jax")
@pytest.mark.parametrize("name", ["Matern52", "ExpQuad"])
def test_covariances_multiplied_by_a_factor_on_a_device(name):
    """By its name and by mellon; points without coordinates, and at infinity, have none."""
    frame = fit_frame(X)
    points, x = frame.inward(X), frame.inward(Y)
    x[2, 1], x[5, 0] = np.nan, np.inf
    for function in (Stationary(name, 40.0), getattr(load_mellon().cov, name)(40.0)):
        kernel = Kernel(function, frame)
        cholesky = np.linalg.cholesky(kernel(points, points))
        expected = np.linalg.solve(cholesky, kernel(points, x)).T
        expected[[2, 5]] = np.nan
        np.testing.assert_allclose(kernel.solved(points, cholesky, x), expected, rtol=1e-9, atol=1e-12)
