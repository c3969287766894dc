"""Values of covariances, mellon's and our own, from distances that do not cancel.

mellon expands squared distances and adds 1e-12 to them: cells that are close, or far from the origin, or given in small
units then have the wrong covariance. Here distances are taken from differences in coordinates of a frame.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from .frame import Frame

EXPANDED_DIMENSIONS = 8
"""Dimensions beyond which expanded squares, by a matrix product, are faster than differences."""
CLOSE = 1e-2
"""Squared distance over squared norms below which expanded squares would lose more than two of sixteen digits."""
MANY = 0.05
"""Share of close pairs beyond which differences for all pairs are faster."""
NAMED = ("Matern52", "Matern32", "ExpQuad", "Exponential")
"""Covariances of mellon that are known here by their names: without them jax need not be loaded."""


@dataclass(frozen=True)
class Stationary:
    """The covariance that mellon has under a name of :data:`NAMED`."""

    name: str
    ls: float
    """Length scale, in the units of the representation."""
    active_dims: None = None
    """All of them."""


type Leaf = Callable[[Any, np.ndarray], Any]
"""From a covariance that is not put together of others, and its dimensions, to values."""


def covariance_values(covariance: Any, frame: Frame, x: Any, y: Any, xp: ModuleType = np) -> Any:
    """
    Covariances of the points `x` (m × dimensions) and `y` (n × dimensions) of a frame: m × n.

    Parameters
    ----------
    covariance
        Covariance in units of the representation.
    frame
        Frame of the points.
    x, y
        Points, float64.
    xp
        numpy, or `jax.numpy` for points on a device.
    """

    def leaf(own: Any, dims: np.ndarray) -> Any:
        profile = _profile(own)
        if profile is None:
            return _by_mellon(own, _outward(frame, x, dims), _outward(frame, y, dims), xp)
        a, b = _columns(x, dims), _columns(y, dims)
        distances = _distances(a, b) if xp is np else xp.sqrt(xp.square(a[:, None] - b[None]).sum(axis=2))
        return profile(own, distances * (frame.scale / own.ls), xp)

    return _combined(covariance, np.arange(x.shape[1]), leaf)


def covariance_diagonal(covariance: Any, frame: Frame, x: np.ndarray) -> np.ndarray:
    """Prior variance at the points `x` of a frame."""

    def leaf(own: Any, dims: np.ndarray) -> np.ndarray:
        profile = _profile(own)
        if profile is None:
            return _diagonal_by_mellon(own, _outward(frame, x, dims))
        return profile(own, np.zeros(len(x)), np)

    return _combined(covariance, np.arange(x.shape[1]), leaf)


def _combined(covariance: Any, dims: np.ndarray, leaf: Leaf) -> Any:
    """Value of a covariance that may be the sum, product or power of others."""
    rule = _RULES.get(_own_name(covariance))
    if rule is None:
        if _profile(covariance) is not None:
            dims = _active(dims, covariance.active_dims)
        return leaf(covariance, dims)
    dims = _active(dims, covariance.active_dims)
    left, right = _combined(covariance.left, dims, leaf), covariance.right
    return rule(left, _combined(right, dims, leaf) if callable(right) else right)


def _own_name(covariance: Any) -> str:
    """Name of our own covariance, or of a class of mellon itself; a class derived from it may do something else."""
    if isinstance(covariance, Stationary):
        return covariance.name
    kind = type(covariance)
    return kind.__name__ if kind.__module__ in ("mellon.cov", "mellon.base_cov") else ""


def _active(dims: np.ndarray, chosen: Any) -> np.ndarray:
    return dims if chosen is None else np.atleast_1d(dims[chosen])


def _columns(x: Any, dims: np.ndarray) -> Any:
    """Some coordinates; without a copy if they are all, since pivots are compared with all cells one by one."""
    return x if np.array_equal(dims, np.arange(x.shape[1])) else x[:, dims]


def _outward(frame: Frame, x: Any, dims: np.ndarray) -> Any:
    """Some coordinates as they were given: a covariance that is not stationary, or not known, means those."""
    return _columns(x, dims) * frame.scale + frame.center[dims]


def _distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Euclidean distances of all pairs, each to thirteen digits."""
    if x.shape[1] <= EXPANDED_DIMENSIONS or len(x) == 1:
        return cdist(x, y)
    norms = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1)
    squared = norms - 2 * (x @ y.T)
    i, j = np.nonzero(squared < CLOSE * norms)
    if len(i) > MANY * squared.size:
        return cdist(x, y)
    if len(i):
        squared[i, j] = np.square(x[i] - y[j]).sum(axis=1)
    return np.sqrt(squared, out=squared)


def _by_mellon(covariance: Any, x: Any, y: Any, xp: ModuleType) -> Any:
    if xp is not np:
        return covariance(x, y)
    import jax

    # as a context: the user's own jax code keeps its precision
    with jax.enable_x64(True):
        return np.asarray(covariance(jax.numpy.asarray(x), jax.numpy.asarray(y)), dtype=np.float64)


def _diagonal_by_mellon(covariance: Any, x: np.ndarray) -> np.ndarray:
    import jax

    with jax.enable_x64(True):
        at = jax.vmap(lambda point: covariance(point[None], point[None])[0, 0])
        return np.asarray(at(jax.numpy.asarray(x)), dtype=np.float64)


def _matern52(_: Any, r: Any, xp: ModuleType) -> Any:
    r = r * np.sqrt(5.0)
    return (1 + r + r * r / 3) * xp.exp(-r)


def _matern32(_: Any, r: Any, xp: ModuleType) -> Any:
    r = r * np.sqrt(3.0)
    return (1 + r) * xp.exp(-r)


type Profile = Callable[[Any, Any, ModuleType], Any]

_PROFILES: dict[str, Profile] = {
    "Matern52": _matern52,
    "Matern32": _matern32,
    "ExpQuad": lambda _, r, xp: xp.exp(-r * r / 2),
    "Exponential": lambda _, r, xp: xp.exp(-r / 2),
    "RatQuad": lambda own, r, _: (1 + r * r / (2 * own.alpha)) ** -own.alpha,
}
"""Stationary covariances, of the distance in length scales."""

_RULES: dict[str, Callable[[Any, Any], Any]] = {
    "Add": lambda left, right: left + right,
    "Mul": lambda left, right: left * right,
    "Pow": lambda left, right: left**right,
}


def _profile(covariance: Any) -> Profile | None:
    return _PROFILES.get(_own_name(covariance))
