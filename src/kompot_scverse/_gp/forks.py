"""Processes that were forked off: OpenMP, jax and dask would wait there for threads that only the first process has."""

import os
import sys
import threading
from functools import cache
from typing import Any

_started: set[int] = set()
"""Processes, this one or those it was forked from, in which an analysis has begun."""


def check_not_forked() -> None:
    """
    Raise where an analysis would hang, and remember that one begins.

    Raises
    ------
    RuntimeError
        If this process was forked off from one that has analysed something.
    """
    if _started and os.getpid() not in _started:
        raise RuntimeError(
            "This process was forked off after an analysis by kompot-scverse, whose threads would be missing here; start processes with "
            'multiprocessing.get_context("spawn") or "forkserver", or joblib with its default "loky".'
        )
    _started.add(os.getpid())


@cache
def renew_pool_when_forked() -> None:
    """Let lazy arrays be read in a process that is forked off from now on, also if this one has read some by then."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget_pools)


def _forget_pools() -> None:
    threaded: Any = sys.modules.get("dask.threaded")
    if threaded is not None:
        # dask makes new ones where there are none
        threaded.default_pool, threaded.pools_lock = None, threading.Lock()
        threaded.pools.clear()
