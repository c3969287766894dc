"""Progress of long steps."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

DELAY = 3.0
"""Seconds before a bar appears: short steps stay silent."""


_OF_PASSES: ContextVar["Progress | None"] = ContextVar("_OF_PASSES", default=None)
"""What passes over the cells are counted on: a fit makes them in many places."""


class Progress:
    """
    How far a step is; called with the number of units done, also from several threads.

    Parameters
    ----------
    bar
        A bar of tqdm.
    """

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def __call__(self, n: int) -> None:
        """Note that `n` more units are done."""
        if self._bar.total is not None and self._bar.n + n > self._bar.total:
            # a step whose length was only estimated takes longer
            self._bar.total = self._bar.n + n
        self._bar.update(n)

    def expect(self, total: int) -> None:
        """Set the number of units that there will be, where it is only known on the way."""
        self._bar.total = max(total, self._bar.n)


@contextmanager
def progress_bar(total: int, what: str, unit: str) -> Iterator[Progress]:
    """
    Show how far a step is, how fast, and the time left, on terminals and in notebooks.

    Not shown if the logger of the package is set to WARNING or higher.
    """
    from tqdm.auto import tqdm

    level = logging.getLogger("kompot_scverse").level
    silent = level != logging.NOTSET and level >= logging.WARNING
    # only where it is wanted: an argument would take precedence over tqdm's own TQDM_DISABLE
    options = {"disable": True} if silent else {}
    with tqdm(total=total, desc=what, unit=f" {unit}", delay=DELAY, leave=False, **options) as bar:
        yield Progress(bar)


@contextmanager
def progress_of_passes(total: int, what: str) -> Iterator[None]:
    """
    Show how far a fit is that needs many passes over the cells.

    Parameters
    ----------
    total
        Cells of all passes together that are expected.
    what
        What is fitted.
    """
    with progress_bar(total, what, "cells") as advance:
        token = _OF_PASSES.set(advance)
        try:
            yield
        finally:
            _OF_PASSES.reset(token)


def note_pass(n: int) -> None:
    """Note that a pass has been over `n` more cells."""
    found = _OF_PASSES.get()
    if found is not None:
        found(n)
