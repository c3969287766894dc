"""Covariances against mellon's, and against extended precision where mellon's cancel."""

import jax
import numpy as np
import pytest

from kompot_scverse._gp.covariance import Stationary
from kompot_scverse._gp.frame import Frame, fit_frame
from kompot_scverse._gp.kernel import Kernel
from kompot_scverse._gp.mellon import load_mellon

cov = load_mellon().cov

STATIONARY = (
    cov.Matern52(ls=2.0),
    cov.Matern32(ls=0.7),
    cov.ExpQuad(ls=2.0),
    cov.Exponential(ls=3.0),
    cov.RatQuad(alpha=1.5, ls=2.0),
    cov.Matern52(ls=2.0, active_dims=[0, 2]),
    cov.Matern52(ls=2.0) * 3.0,
    cov.Matern52(ls=2.0) + cov.ExpQuad(ls=0.5, active_dims=1) ** 2.0,
)


class Periodic(cov.Matern52):  # type: ignore[name-defined]
    """A covariance that we know nothing of, derived from one that we know."""

    def k(self, x, y):
        return super().k(jax.numpy.sin(x), jax.numpy.sin(y))


OTHERS = (cov.Linear(ls=2.0), cov.Matern32(ls=2.0) * cov.Linear(ls=3.0, active_dims=slice(1, 3)), Periodic(ls=2.0))


@pytest.fixture(scope="module")
def points() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(7, 12)), rng.normal(size=(300, 12))


def mellons(covariance, x, y):
    with jax.enable_x64(True):
        return np.asarray(covariance(jax.numpy.asarray(x), jax.numpy.asarray(y)))


@pytest.mark.parametrize("covariance", STATIONARY + OTHERS, ids=repr)
def test_is_mellons(points, covariance):
    x, y = points
    frame = fit_frame(y)
    kernel = Kernel(covariance, frame)
    expected = mellons(covariance, x, y)
    np.testing.assert_allclose(kernel(frame.inward(x), frame.inward(y)), expected, atol=1e-6)
    np.testing.assert_allclose(Kernel(covariance)(x, y), expected, atol=1e-6)
    np.testing.assert_allclose(kernel.diagonal(frame.inward(x)), np.diag(mellons(covariance, x, x)), atol=1e-5)


@pytest.mark.parametrize("covariance", STATIONARY[:5], ids=repr)
@pytest.mark.parametrize("scale", [1e-100, 1e-8, 1e100])
def test_length_scale_is_in_units_of_the_representation(points, covariance, scale):
    x, y = points
    arguments = {"alpha": covariance.alpha} if isinstance(covariance, cov.RatQuad) else {}
    scaled = type(covariance)(ls=covariance.ls * scale, **arguments)
    frame = fit_frame(y * scale)
    found = Kernel(scaled, frame)(frame.inward(x * scale), frame.inward(y * scale))
    np.testing.assert_allclose(found, Kernel(covariance)(x, y), rtol=1e-12)


def exact(x, y, ls):
    """Matérn-5/2 from differences in extended precision."""
    x, y = x.astype(np.longdouble), y.astype(np.longdouble)
    r = np.sqrt(5 * np.square(x[:, None] - y).sum(axis=2)) / ls
    return (1 + r + r * r / 3) * np.exp(-r)


@pytest.mark.parametrize("dimensions", [2, 40])
@pytest.mark.parametrize("ls", [1e-9, 1e-6, 1.0])
def test_close_points_do_not_cancel(dimensions, ls):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, dimensions))
    y = np.concatenate([x + ls * rng.normal(size=x.shape), rng.normal(size=(200, dimensions)), x])
    np.testing.assert_allclose(Kernel(cov.Matern52(ls=ls))(x, y), exact(x, y, ls), rtol=1e-9, atol=1e-13)


def test_many_close_points():
    rng = np.random.default_rng(0)
    x = 1 + 1e-5 * rng.normal(size=(30, 20))
    np.testing.assert_allclose(Kernel(cov.Matern52(ls=1e-4))(x, x), exact(x, x, 1e-4), rtol=1e-9)


@pytest.mark.parametrize("covariance", [*STATIONARY, *OTHERS, Stationary("Matern52", 2.0)], ids=repr)
def test_on_a_device(points, covariance, request):
    """The same values where jax has another device than the processor."""
    frame = Frame(np.full(12, 0.5), 1)
    expected = Kernel(covariance, frame)(*points)
    request.getfixturevalue("on_jax")
    kernel = Kernel(covariance, frame)
    np.testing.assert_allclose(kernel(points[0], kernel.to_device(points[1])), expected, atol=1e-9)
