"""The logger of the package."""

import logging

__all__ = ["logger"]

logger = logging.getLogger("kompot_scverse")
