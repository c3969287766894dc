"""Covariance functions, evaluated in float64 on the processor, or on the accelerator of jax where it has one."""

import pickle
from collections.abc import Callable
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from .covariance import Stationary, covariance_diagonal, covariance_values
from .device import accelerator, on_device
from .frame import Frame
from .mellon import load_mellon
from .points import Points

VALUES = 2**18
"""Covariances computed at a time on the processor, so that the passes over them stay in the cache."""

BLOCK = 65_536
"""Points whose variance is computed at a time."""


class Kernel:
    """
    A covariance function of two sets of points that takes and returns numpy arrays.

    Parameters
    ----------
    function
        Covariance, in units of the representation.
    frame
        Frame that the points are in; None if they are in units of the representation themselves.
    """

    def __init__(self, function: Any, frame: Frame | None = None) -> None:
        self.function, self.frame = function, frame

    @property
    def name(self) -> str:
        """Name that mellon has for it, or of the caller's own class."""
        return self.function.name if isinstance(self.function, Stationary) else type(self.function).__name__

    def __reduce__(self) -> tuple[Callable, tuple]:
        if isinstance(self.function, Stationary):
            return Kernel, (self.function, self.frame)
        return _restored, (pickle.dumps(self.function), self.frame)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Covariances of the points `x` (m × dimensions) and `y` (n × dimensions): m × n."""
        if accelerator() is not None:
            (values, _), more = self._compiled
            with on_device():
                return np.asarray(values(x, y, *more), dtype=np.float64)
        frame, out = self._frame(x), np.empty((len(x), len(y)))
        step = max(1, VALUES // max(len(x), 1))
        # what is not finite is for the caller to see
        with np.errstate(invalid="ignore", over="ignore"):
            for start in range(0, len(y), step):
                block = slice(start, start + step)
                out[:, block] = covariance_values(self.function, frame, x, y[block])
        return out

    def diagonal(self, x: np.ndarray | Points) -> np.ndarray:
        """Prior variance at each point of `x`."""
        frame, starts = self._frame(x), range(0, max(len(x), 1), BLOCK)
        return np.concatenate([covariance_diagonal(self.function, frame, x[start : start + BLOCK]) for start in starts])

    def to_device(self, x: np.ndarray) -> Any:
        """`x` where the kernel is evaluated, so that repeated calls do not move it again."""
        if accelerator() is None:
            return x
        with on_device() as jnp:
            return jnp.asarray(x)

    def solved(self, points: np.ndarray, cholesky: np.ndarray, x: Any) -> Any:
        """Covariances of `points` with `x`, multiplied by the inverse of a Cholesky factor: cells × points, on the device."""
        (_, solved), more = self._compiled
        with on_device():
            return solved(points, cholesky, x, *more)

    @cached_property
    def _compiled(self) -> tuple[tuple[Callable, Callable], tuple[float, ...]]:
        """Functions on the device, and their last arguments."""
        if isinstance(self.function, Stationary):
            return _of_name(self.function.name), (self.function.ls / (self.frame.scale if self.frame else 1.0),)
        return _compile(partial(_values, self.function, self.frame)), ()

    def _frame(self, x: Any) -> Frame:
        return self.frame or _no_frame(x)


def _no_frame(x: Any) -> Frame:
    return Frame(np.zeros(x.shape[1]), 0)


@cache
def _of_name(name: str) -> tuple[Callable, Callable]:
    """Compiled once for all length scales."""
    return _compile(lambda x, y, ls: _values(Stationary(name, ls), None, x, y))


def _values(function: Any, frame: Frame | None, x: Any, y: Any) -> Any:
    import jax

    return covariance_values(function, frame or _no_frame(x), x, y, jax.numpy)


def _compile(values: Callable) -> tuple[Callable, Callable]:
    """A covariance on the device, and :meth:`Kernel.solved`."""
    import jax

    def solved(points: Any, cholesky: Any, x: Any, *more: Any) -> Any:
        found = jax.scipy.linalg.solve_triangular(cholesky, values(points, x, *more), lower=True).T
        # of some covariances points at infinity are far away, which is not what cells without a state are
        return jax.numpy.where(jax.numpy.isfinite(x).all(axis=1)[:, None], found, jax.numpy.nan)

    return jax.jit(values), jax.jit(solved)


def _restored(function: bytes, frame: Frame | None) -> Kernel:
    """In another process, where the covariance by itself would import mellon with all that :func:`load_mellon` prevents."""
    load_mellon()
    return Kernel(pickle.loads(function), frame)
