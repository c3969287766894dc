"""What the package says: warnings about the line that called it, and its logger."""

import logging
import warnings
from pathlib import Path

logger = logging.getLogger("kompot_scverse")
INSIDE = (str(Path(__file__).parent),)


def warn(text: str) -> None:
    """Warn the user, as from the line outside the package that led here."""
    warnings.warn(text, UserWarning, skip_file_prefixes=INSIDE)
