"""What the package says: warnings about the line that called it, and its logger; and what of it a call gave."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

logger = logging.getLogger("kompot_scverse")
INSIDE = (str(Path(__file__).parent),)
LOGGED = "logged"
"""In the place of a category, where the logger said it."""
MAX_WARNINGS, MAX_CHARACTERS = 12, 800
"""How much is kept, so that runs stay small."""

Heard = list[dict[str, str]]
_heard: ContextVar[Heard | None] = ContextVar("heard", default=None)


def warn(text: str) -> None:
    """Warn the user, as from the line outside the package that led here."""
    _keep(_heard.get(), UserWarning.__name__, text)
    warnings.warn(text, UserWarning, skip_file_prefixes=INSIDE)


@contextmanager
def hear() -> Iterator[Heard]:
    """Collect what the package warns of: category and text of each message, once, in their order."""
    found: Heard = []

    def listen(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            _keep(found, LOGGED, record.getMessage())
        return True

    before = _heard.set(found)
    # a handler would take the place of the one that Python has where there is none
    logger.addFilter(listen)
    try:
        yield found
    finally:
        logger.removeFilter(listen)
        _heard.reset(before)


def _keep(heard: Heard | None, category: str, text: str) -> None:
    entry = {"category": category, "text": text[:MAX_CHARACTERS]}
    if heard is not None and entry not in heard and len(heard) < MAX_WARNINGS:
        heard.append(entry)
