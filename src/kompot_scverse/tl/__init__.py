"""Tools: differential abundance, differential expression, smoothing."""

from .de import de

__all__ = ["de"]
