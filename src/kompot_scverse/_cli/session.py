"""What surrounds a command: log and warnings on standard error, threads, errors as exit codes."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import typer

ERRORS = (LookupError, OSError, TypeError, ValueError, MemoryError, ImportError)
"""What data and settings can cause; anything else is a mistake of ours and shows where."""


@contextmanager
def session(threads: int | None = None) -> Iterator[Callable[[], None]]:
    """Run a command; see :func:`errors_as_exit_codes`."""
    with ExitStack() as stack:
        go_on = stack.enter_context(errors_as_exit_codes())
        stack.enter_context(_log())
        stack.enter_context(_warnings())
        if threads is not None:
            stack.enter_context(_threads(threads))
        yield go_on


@contextmanager
def errors_as_exit_codes() -> Iterator[Callable[[], None]]:
    """
    Errors about data end a command with exit code 1 and one sentence, signals with 128 and their number.

    Signals are exceptions here, so that what was begun is undone. Where Python is called from other code they may get
    lost; the function that a block gets raises them again.
    """

    def go_on() -> None:
        if received:
            raise KeyboardInterrupt

    with _signals() as received:
        try:
            yield go_on
            go_on()
        except BaseException as error:
            # code that calls back into Python may turn the exception of a signal into one of its own
            if received or isinstance(error, KeyboardInterrupt):
                number = received[0] if received else signal.SIGINT
                typer.secho("Interrupted." if number == signal.SIGINT else "Ended by the system.", fg="red", err=True)
                raise typer.Exit(128 + number) from error
            if not isinstance(error, ERRORS):
                raise
            typer.secho(f"Error: {str(error).strip() or type(error).__name__}", fg="red", err=True)
            raise typer.Exit(1) from error


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Raise an exception when the process is asked to end, of which Python does so for an interrupt only; gives which."""
    received: list[int] = []

    def end(number: int, frame: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    handled = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # only the main thread may; one that is ignored (nohup) stays so
    if threading.current_thread() is not threading.main_thread():
        handled = []
    before = {one: signal.getsignal(one) for one in handled if signal.getsignal(one) != signal.SIG_IGN}
    for one in before:
        signal.signal(one, end)
    try:
        yield received
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
