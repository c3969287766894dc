"""Covariance functions, evaluated in float64 on jax's default device."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

__all__ = ["Kernel"]


class Kernel:
    """A covariance function of two sets of points that takes and returns numpy arrays."""

    def __init__(self, function: Callable) -> None:
        self.function = function

    @cached_property
    def _compiled(self) -> Callable:
        import jax

        return jax.jit(lambda x, y: self.function(x, y))

    @cached_property
    def _compiled_diagonal(self) -> Callable:
        import jax

        return jax.jit(jax.vmap(lambda point: self.function(point[None], point[None])[0, 0]))

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Covariances of the points `x` (m × dimensions) and `y` (n × dimensions): m × n."""
        import jax

        # as a context: the user's own jax code keeps its precision
        with jax.enable_x64(True):
            return np.asarray(self._compiled(x, y), dtype=np.float64)

    def diagonal(self, x: np.ndarray) -> np.ndarray:
        """Prior variance at each point of `x`."""
        import jax

        with jax.enable_x64(True):
            return np.asarray(self._compiled_diagonal(x), dtype=np.float64)

    def to_device(self, x: np.ndarray) -> np.ndarray:
        """`x` where the kernel is evaluated, so that repeated calls do not move it again."""
        import jax

        with jax.enable_x64(True):
            return jax.device_put(x)
