"""Tools: differential abundance, differential expression, smoothing."""

from .cleanup import cleanup
from .da import da
from .de import de
from .restore_layers import restore_layers

__all__ = ["cleanup", "da", "de", "restore_layers"]
