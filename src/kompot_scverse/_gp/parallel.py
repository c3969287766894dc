"""Running dask tasks on the threads of this process."""

import sys

__all__ = ["compute_here", "distributed_client"]


def compute_here(*tasks: object) -> tuple:
    """
    Compute dask objects on threads of this process, whatever client is active.

    The tasks are the parallel part: threads of the linear algebra inside them would compete for the cores, so they are
    held back meanwhile. `dask.config.set(scheduler="synchronous")` is heeded.
    """
    import dask
    from threadpoolctl import threadpool_limits

    # a name of its own always: without one, dask would import distributed to look for a client
    serial = dask.config.get("scheduler", None) in ("synchronous", "sync", "single-threaded")
    with threadpool_limits(1, user_api="blas"):
        return dask.compute(*tasks, scheduler="synchronous" if serial else "threads")


def distributed_client() -> bool:
    """Whether the session has an active `dask.distributed` client."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        distributed.get_client()
    except ValueError:
        return False
    return True
