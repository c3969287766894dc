"""The logger of the package, as loud as scanpy is asked to be."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kompot_scverse._messages import logger

HINT = 15
"""Level of scanpy's hints."""
LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, HINT, logging.DEBUG)
"""By scanpy's verbosity, from 0."""
DEFAULT = 1
"""Verbosity that scanpy has by itself: warnings, as Python's loggers have by themselves."""


@contextmanager
def as_loud_as_scanpy() -> Iterator[None]:
    """
    Log as `sc.settings.verbosity` says, if scanpy is in use and nobody has set up this package's logger.

    Messages go to the handlers that there are, and without any to standard error, as warnings do in Python.
    """
    scanpy = sys.modules.get("scanpy")
    verbosity = DEFAULT if scanpy is None else int(scanpy.settings.verbosity)
    if verbosity == DEFAULT or logger.handlers or logger.level != logging.NOTSET:
        yield
        return
    handler = None if logger.hasHandlers() else logging.StreamHandler(sys.stderr)
    if handler is not None:
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    logger.setLevel(LEVELS[min(verbosity, len(LEVELS) - 1)])
    try:
        yield
    finally:
        logger.setLevel(logging.NOTSET)
        if handler is not None:
            logger.removeHandler(handler)
