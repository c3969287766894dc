"""Where sums over cells are computed: with numpy on the processor, or with jax on its accelerator where it has one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import scipy.special

from kompot_scverse._messages import logger

DOUBLE = ("gpu", "cuda", "rocm")
"""Backends of jax that have double precision themselves."""
FEWEST = 256
"""Rows that a block has at least: fewer are no faster."""
SHARE, UNKNOWN = 0.5, 2**30
"""Share of the free memory of the device that is filled with features, and bytes where jax does not know how much is free."""

_one_at_a_time = threading.RLock()
"""Threads read and prepare the next block meanwhile: the memory of the device is that of one."""


def accelerator() -> Any | None:
    """The accelerator that jax computes on by default; None without one, and then jax is not loaded."""
    return _found()


@cache
def _found() -> Any | None:
    if not may_have_devices():
        return None
    import jax

    backend, device = jax.default_backend(), jax.devices()[0]
    if backend == "cpu":
        return None
    if backend not in DOUBLE:
        logger.info("%s has no double precision; everything is computed on the processor.", device.device_kind)
        return None
    logger.info("Features, sums of expression and Newton's sums are computed on %s.", device.device_kind)
    return device


@cache
def may_have_devices() -> bool:
    """Whether jax may have another device than the processor: of a plugin, which is found without loading jax."""
    return bool(entry_points(group="jax_plugins")) or any(find_spec(name) for name in ("jax_plugins", "libtpu"))


@contextmanager
def on_device() -> Iterator[ModuleType]:
    """
    jax.numpy in double precision, for one thread at a time.

    As a context: the user's own jax code keeps its precision. Products of float32 are not rounded further, as some devices do by default.

    Raises
    ------
    MemoryError
        If the memory of the device does not suffice.
    """
    import jax

    with _one_at_a_time, jax.enable_x64(True), jax.default_matmul_precision("highest"):
        try:
            yield jax.numpy
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            raise MemoryError(
                "The memory of the GPU does not suffice. Start Python with the environment variable JAX_PLATFORMS=cpu to compute on the "
                "processor, or with XLA_PYTHON_CLIENT_MEM_FRACTION=0.95 to give jax more of it; or set a lower "
                "`GPSettings(n_landmarks=...)`."
            ) from error


def free_memory() -> float:
    """Bytes on the device that features may fill."""
    device = accelerator()
    known = (device.memory_stats() if device is not None else None) or {}
    if "bytes_limit" not in known:
        return UNKNOWN
    return SHARE * max(known["bytes_limit"] - known.get("bytes_in_use", 0), 0)


def round_size(n: int) -> int:
    """Rows of a block that has n: few different numbers, since jax compiles for each."""
    return max(FEWEST, 1 << (n - 1).bit_length()) if n else 0


def repeat_last(values: np.ndarray, size: int) -> np.ndarray:
    """Rows, and copies of the last one up to a number of rows."""
    surplus = np.repeat(values[-1:], size - len(values), axis=0)
    return np.concatenate([values, surplus]) if len(surplus) else values


def put_rows(values: Any, size: int) -> Any:
    """The same on the device; what is there already stays."""
    if not isinstance(values, np.ndarray):
        return values
    with on_device() as jnp:
        return jnp.asarray(repeat_last(values, size))


def fetch_rows(values: Any, n: int) -> np.ndarray:
    """The first rows of an array on the device; what went wrong in its computation is raised here."""
    with on_device():
        return np.asarray(values)[:n]


def run_there(
    function: Callable[..., Any], rows: tuple, arguments: tuple, size: int, *, total: bool = False, stay: bool = False
) -> Any:
    """
    What a function of the rows of cells returns, computed on the device: a tuple of sums, or an array with a row for each cell.

    Parameters
    ----------
    function
        Called with arrays of jax, the first in double precision; part of a module.
    rows
        Features, codes and further arrays of the same number of rows, of numpy or of :func:`put_rows`.
    arguments
        Further arguments; what they have of whole numbers is part of the compiled code.
    size
        Rows that the block is filled up to with copies of the last one.
    total
        Whether the results are sums over the rows, of which those over the copies are taken off.
    stay
        Whether the array stays on the device, with rows of the copies.
    """
    n = len(rows[1])
    fixed = tuple(number for number, value in enumerate(arguments) if isinstance(value, int))
    with on_device():
        there = (put_rows(one, size) for one in rows)
        found = _compiled(function, len(rows), fixed, total)(float(size - n), *there, *arguments)
        if stay:
            return found
        return tuple(np.array(one) for one in found) if isinstance(found, tuple) else fetch_rows(found, n)


@cache
def _compiled(function: Callable[..., Any], n_rows: int, fixed: tuple[int, ...], total: bool) -> Callable[..., Any]:
    import jax

    def run(surplus: Any, first: Any, *others: Any) -> Any:
        rows, arguments = (first.astype(float), *others[: n_rows - 1]), others[n_rows - 1 :]
        found = function(*rows, *arguments)
        if not total:
            return found
        last = function(*(one[-1:] for one in rows), *arguments)
        return jax.tree.map(lambda every, repeated: every - surplus * repeated, found, last)

    return jax.jit(run, static_argnums=[1 + n_rows + number for number in fixed])


def numerics(values: Any) -> tuple[Any, Any]:
    """The modules numpy and `scipy.special`, or what jax has in their place for its arrays."""
    if isinstance(values, np.ndarray):
        return np, scipy.special
    import jax

    return jax.numpy, jax.scipy.special
