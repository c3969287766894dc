"""Running dask tasks on the threads of this process."""

__all__ = ["compute_here"]


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
