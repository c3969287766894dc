"""Covariance functions, evaluated in float64 on the processor, or on jax's default device where that is another."""

import pickle
from collections.abc import Callable
from functools import cache, cached_property
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

import numpy as np

from .covariance import Stationary, covariance_diagonal, covariance_values
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
        if self._compiled is not None:
            import jax

            # as a context: the user's own jax code keeps its precision
            with jax.enable_x64(True):
                return np.asarray(self._compiled(x, y), dtype=np.float64)
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
        if self._compiled is None:
            return x
        import jax

        with jax.enable_x64(True):
            return jax.device_put(x)

    @cached_property
    def _compiled(self) -> Callable | None:
        if not _may_have_devices():
            return None
        import jax

        if jax.default_backend() == "cpu":
            return None
        return jax.jit(lambda x, y: covariance_values(self.function, self._frame(x), x, y, jax.numpy))

    def _frame(self, x: Any) -> Frame:
        return self.frame or Frame(np.zeros(x.shape[1]), 0)


@cache
def _may_have_devices() -> bool:
    """Whether jax may have another device than the processor: of a plugin, which is found without loading jax."""
    return bool(entry_points(group="jax_plugins")) or any(find_spec(name) for name in ("jax_plugins", "libtpu"))


def _restored(function: bytes, frame: Frame | None) -> Kernel:
    """In another process, where the covariance by itself would import mellon with all that :func:`load_mellon` prevents."""
    load_mellon()
    return Kernel(pickle.loads(function), frame)
