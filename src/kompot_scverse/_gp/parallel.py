"""Running dask tasks on the threads of this process."""

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import dask.threaded
from dask.system import CPU_COUNT

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def compute_here(*tasks: object, reads: bool = False) -> tuple:
    """
    Compute dask objects on threads of this process, whatever client is active.

    The tasks are the parallel part: threads of the linear algebra inside them would compete for the cores, so they are
    held back meanwhile. `dask.config.set(scheduler="synchronous")` and `num_workers` are heeded. When this returns or
    raises, no task is running any more.

    Parameters
    ----------
    *tasks
        Dask objects.
    reads
        Whether tasks begin by reading a file. Then there is one thread more than cores: it reads while the others compute.
    """
    try:
        # schedulers as functions: given their names, dask would import distributed, which takes a second
        with _libraries(len(sys.modules)).limit(limits=1, user_api="blas"):
            if dask.config.get("scheduler", None) in ("synchronous", "sync", "single-threaded"):
                return dask.compute(*tasks, scheduler=dask.get)
            # a pool of our own: dask's would go on with the tasks at hand after an error
            with ThreadPoolExecutor(dask.config.get("num_workers", None) or CPU_COUNT + reads) as pool:
                return dask.compute(*tasks, scheduler=dask.threaded.get, pool=pool)
    finally:
        return_freed_memory()


@lru_cache(maxsize=1)
def _libraries(n_modules: int) -> "ThreadpoolController":
    """The loaded libraries that have threads. To look for them takes longer than small tasks: only after an import."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def limited_algebra() -> Iterator[None]:
    """One thread for the linear algebra of all libraries: sums of products are then the same on any machine of a kind."""
    with _libraries(len(sys.modules)).limit(limits=1, user_api="blas"):
        yield


def return_freed_memory() -> None:
    """
    Let the system have what the tasks have freed.

    The C library keeps freed blocks of up to 32 MB for the thread that took them, and the next stage takes more for its
    own threads: the peak would be the sum of the stages' peaks.
    """
    with suppress(OSError, AttributeError, TypeError):
        # glibc only
        ctypes.CDLL(None).malloc_trim(0)


def store_here(sources: Sequence[Any], targets: Sequence[Any]) -> None:
    """Compute dask arrays into arrays of their shapes, numpy or zarr; chunks of a zarr array must be those of the source."""
    # every chunk goes to a place of its own: no lock
    compute_here(da.store(list(sources), list(targets), lock=False, compute=False))


def cluster_client() -> Any:
    """The active `dask.distributed` client of the session; None without one."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.get_client()
    except ValueError:
        return None


def in_pairs(items: list[Any], combine: Callable[[Any, Any], Any]) -> Any:
    """Combine neighbours until one is left."""
    while len(items) > 1:
        items = [combine(*items[i : i + 2]) if i + 1 < len(items) else items[i] for i in range(0, len(items), 2)]
    return items[0]


def sends_large() -> AbstractContextManager:
    """No warning about large tasks: they hold the representation of their cells, which is meant to be sent."""
    return dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"})
