"""What surrounds a command: log and warnings on standard error, threads, errors as exit codes."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import typer

__all__ = ["session"]

ERRORS = (LookupError, OSError, TypeError, ValueError, MemoryError, ImportError)
"""What data and settings can cause; anything else is a mistake of ours and shows where."""


@contextmanager
def session(threads: int | None = None) -> Iterator[None]:
    """Run a command; errors about data end it with exit code 1 and one sentence."""
    with ExitStack() as stack:
        stack.enter_context(_log())
        stack.enter_context(_warnings())
        if threads is not None:
            stack.enter_context(_threads(threads))
        try:
            yield
        except ERRORS as error:
            typer.secho(f"Error: {error or type(error).__name__}", fg="red", err=True)
            raise typer.Exit(1) from error


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
