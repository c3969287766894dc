"""All tools that fit, by name."""

from collections.abc import Callable

from ._steps import Tool
from .da import DA, da
from .de import DE, de
from .smooth import SMOOTH, smooth

TOOLS: dict[str, tuple[Tool, Callable]] = {"de": (DE, de), "da": (DA, da), "smooth": (SMOOTH, smooth)}
"""Steps and public function."""
