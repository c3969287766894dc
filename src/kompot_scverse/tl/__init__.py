"""Tools: differential abundance, differential expression, smoothing."""

from .cleanup import cleanup
from .da import da
from .de import de
from .restore_layers import restore_layers
from .smooth import smooth

__all__ = ["cleanup", "da", "de", "restore_layers", "smooth"]
