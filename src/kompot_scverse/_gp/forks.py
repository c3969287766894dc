"""Processes that were forked off after jax had started: it would wait for threads that they do not have."""

import os

__all__ = ["check_not_forked", "note_jax"]

_started: set[int] = set()
"""Processes, this one or those it was forked from, in which we have used jax."""


def note_jax() -> None:
    """Remember that jax runs in this process."""
    _started.add(os.getpid())


def check_not_forked() -> None:
    """
    Raise where jax would hang.

    Raises
    ------
    RuntimeError
        If this process was forked off from one that has used jax.
    """
    if _started and os.getpid() not in _started:
        raise RuntimeError(
            "This process was forked off after kompot-scverse had used jax, which would hang here; start processes with "
            'multiprocessing.get_context("spawn") or "forkserver", or joblib with its default "loky".'
        )
