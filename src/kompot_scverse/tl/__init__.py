"""Tools: differential abundance, differential expression, smoothing."""

from .da import da
from .de import de

__all__ = ["da", "de"]
