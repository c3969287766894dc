"""Plots; matplotlib loads when one is drawn."""

from ._panels import Panels
from .diagnostics import diagnostics
from .direction_barplot import direction_barplot
from .dotplot import dotplot
from .embedding import embedding
from .expression import expression
from .heatmap import heatmap
from .multi_volcano_da import multi_volcano_da
from .programs import programs
from .regions import regions
from .replicates import replicates
from .variance import variance
from .volcano_da import volcano_da
from .volcano_de import volcano_de

__all__ = [
    "Panels",
    "diagnostics",
    "direction_barplot",
    "dotplot",
    "embedding",
    "expression",
    "heatmap",
    "multi_volcano_da",
    "programs",
    "regions",
    "replicates",
    "variance",
    "volcano_da",
    "volcano_de",
]
