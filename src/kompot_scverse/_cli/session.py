"""What surrounds a command: log and warnings on standard error, threads, errors as exit codes."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import typer

__all__ = ["errors_as_exit_codes", "session"]

ERRORS = (LookupError, OSError, TypeError, ValueError, MemoryError, ImportError)
"""What data and settings can cause; anything else is a mistake of ours and shows where."""


@contextmanager
def session(threads: int | None = None) -> Iterator[None]:
    """Run a command; errors about data end it with exit code 1 and one sentence."""
    with ExitStack() as stack:
        stack.enter_context(errors_as_exit_codes())
        stack.enter_context(_log())
        stack.enter_context(_warnings())
        if threads is not None:
            stack.enter_context(_threads(threads))
        yield


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """
    Errors about data end a command with exit code 1 and one sentence, signals with 128 and their number.

    Signals are exceptions here, so that what was begun is undone.
    """
    with _signals():
        try:
            yield
        except ERRORS as error:
            typer.secho(f"Error: {str(error).strip() or type(error).__name__}", fg="red", err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            typer.secho("Interrupted.", fg="red", err=True)
            raise typer.Exit(128 + signal.SIGINT) from error


@contextmanager
def _signals() -> Iterator[None]:
    """Raise SystemExit when the process is asked to end; Python does so for an interrupt only."""

    def end(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    handled = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # only the main thread may; one that is ignored (nohup) stays so
    if threading.current_thread() is not threading.main_thread():
        handled = []
    before = {one: signal.getsignal(one) for one in handled if signal.getsignal(one) != signal.SIG_IGN}
    for one in before:
        signal.signal(one, end)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def _log() -> Iterator[None]:
    """Messages of this package on standard error."""
    logger = logging.getLogger("kompot_scverse")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def _warnings() -> Iterator[None]:
    """Warnings about the data as sentences, without places in code; those about code of other packages not at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        for category in (DeprecationWarning, FutureWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", category)
        warnings.showwarning = lambda message, *_: typer.secho(f"Warning: {message}", fg="yellow", err=True)
        yield


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """At most this many threads in linear algebra, dask, neighbour search and jax."""
    # read by libraries when they begin: joblib (of scikit-learn), XLA (of jax)
    variables = {"LOKY_MAX_CPU_COUNT": str(number)}
    if number == 1:
        variables["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    from concurrent.futures import ThreadPoolExecutor

    import dask
    from threadpoolctl import threadpool_limits

    try:
        with (
            threadpool_limits(number),
            ThreadPoolExecutor(number) as pool,
            dask.config.set(pool=pool, num_workers=number),
        ):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
