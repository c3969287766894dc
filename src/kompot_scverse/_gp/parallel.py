"""Running dask tasks on the threads of this process."""

from concurrent.futures import ThreadPoolExecutor

__all__ = ["compute_here"]


def compute_here(*tasks: object) -> tuple:
    """
    Compute dask objects on threads of this process, whatever client is active.

    The tasks are the parallel part: threads of the linear algebra inside them would compete for the cores, so they are
    held back meanwhile. `dask.config.set(scheduler="synchronous")` and `num_workers` are heeded. When this returns or
    raises, no task is running any more.
    """
    import dask
    from dask.system import CPU_COUNT
    from threadpoolctl import threadpool_limits

    # a named scheduler: without one, dask would import distributed to look for a client
    with threadpool_limits(1, user_api="blas"):
        if dask.config.get("scheduler", None) in ("synchronous", "sync", "single-threaded"):
            return dask.compute(*tasks, scheduler="synchronous")
        # a pool of our own: dask's would go on with the tasks at hand after an error
        with ThreadPoolExecutor(dask.config.get("num_workers", None) or CPU_COUNT) as pool:
            return dask.compute(*tasks, scheduler="threads", pool=pool)
