"""Progress of long steps."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]

DELAY = 3.0
"""Seconds before a bar appears: short steps stay silent."""


@contextmanager
def progress_bar(total: int, what: str, unit: str) -> Iterator[Callable[[int], object]]:
    """Yield a function to be called with the number of units done; it may be called from several threads."""
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=what, unit=f" {unit}", delay=DELAY, leave=False) as bar:
        yield bar.update
