"""The only module that imports mellon, where something is asked for that only mellon has.

Importing mellon switches jax to 64 bit globally, pins jax to the CPU, reconfigures logging (which closes everybody's
handlers), warns about jaxopt, and imports pynndescent, which compiles for seconds. All of that is prevented or undone.
"""

import importlib
import logging
import logging.config
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

from kompot_scverse._arguments import shown
from kompot_scverse._messages import logger

from .covariance import NAMED, Stationary


@cache
def load_mellon() -> ModuleType:
    """Import mellon; jax, logging and the warnings filters stay as they were."""
    logger.info("Loading jax and mellon, which takes some seconds once in a session.")
    import jax

    before = {name: jax.config.values[name] for name in ("jax_enable_x64", "jax_platform_name")}
    try:
        # dictConfig closes all existing handlers, so it has to be kept from running rather than undone
        with warnings.catch_warnings(), patch.object(logging.config, "dictConfig"), _deferred("pynndescent"):
            warnings.simplefilter("ignore")
            return importlib.import_module("mellon")
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


@contextmanager
def _deferred(name: str) -> Iterator[None]:
    """Let `import name` succeed at once inside the block; the module is loaded when first used (never, by us)."""
    if name in sys.modules:
        yield
        return
    proxy = ModuleType(name)
    # a module's __getattr__ (PEP 562): whoever holds the proxy reaches the real module through it
    proxy.__getattr__ = lambda attribute: getattr(importlib.import_module(name), attribute)  # type: ignore[method-assign]
    sys.modules[name] = proxy
    try:
        yield
    finally:
        if sys.modules.get(name) is proxy:
            del sys.modules[name]


def find_kernel(kernel: object) -> Any:
    """The covariance, its class or a function of its length scale, that `kernel` is or names; None for Matérn-5/2."""
    if kernel is None or (isinstance(kernel, str) and kernel in NAMED):
        return partial(Stationary, "Matern52" if kernel is None else kernel)
    mellon = load_mellon()
    if isinstance(kernel, str):
        if kernel not in mellon.cov.__all__:
            raise ValueError(f"mellon has no covariance {kernel!r}; it has {', '.join(sorted(mellon.cov.__all__))}.")
        kernel = getattr(mellon.cov, kernel)
    if isinstance(kernel, mellon.Covariance):
        return kernel
    if not (isinstance(kernel, type) and issubclass(kernel, mellon.Covariance)):
        raise TypeError(f"`kernel` must be a mellon covariance (class, instance or name), not {shown(kernel)}.")
    try:
        kernel(ls=1.0)
    except TypeError as error:
        raise TypeError(f"A {kernel.__name__} cannot be made of a length scale alone; pass an instance.") from error
    return kernel


def kernel_function(kernel: object, ls: float) -> Any:
    """
    The covariance to use.

    Parameters
    ----------
    kernel
        None for Matérn-5/2, a mellon covariance class or the name of one in `mellon.cov` (both get `ls`),
        or a covariance instance, which is used as it is.
    ls
        Length scale, in the units of the representation.
    """
    found = find_kernel(kernel)
    return found(ls=ls) if isinstance(found, type | partial) else found


def has_own_scale(kernel: object) -> bool:
    """Whether `kernel` is an instance, with a length scale of its own."""
    return not (kernel is None or isinstance(kernel, str | type))


def length_scale(nn_distances: np.ndarray) -> float:
    """The same as mellon's `compute_ls`: the geometric mean of the positive nearest-neighbour distances times e³."""
    positive = nn_distances[nn_distances > 0]
    if positive.size == 0:
        raise ValueError(
            "All cells are identical in the representation: no length scale can be estimated. Pass another `use_rep=`, "
            "or the length scale as `gp=GPSettings(ls=...)`."
        )
    return float(np.exp(np.log(positive.astype(np.float64)).mean() + 3))


def prior_log_density(nn_distances: np.ndarray, d: float) -> float:
    """Mellon's `compute_mu`: the first percentile of the nearest-neighbour log densities, minus 10."""
    import jax

    with jax.enable_x64(True):
        return float(load_mellon().parameters.compute_mu(nn_distances.astype(np.float64), d))
