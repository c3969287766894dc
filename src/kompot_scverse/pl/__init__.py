"""Plots; matplotlib loads when one is drawn."""

from kompot_scverse._accessors import take_arguments

from ._panels import Panels
from .beeswarm_da import beeswarm_da
from .diagnostics import diagnostics
from .direction_barplot import direction_barplot
from .dotplot import dotplot
from .embedding import embedding
from .expression import expression
from .fold_changes import fold_changes
from .gene_barplot import gene_barplot
from .heatmap import heatmap
from .multi_volcano_da import multi_volcano_da
from .power import power
from .programs import programs
from .proportions import proportions
from .pseudobulk import pseudobulk
from .regions import regions
from .replicates import replicates
from .samples import samples
from .trend import trend
from .variance import variance
from .volcano_da import volcano_da
from .volcano_de import volcano_de

__all__ = [
    "Panels",
    "beeswarm_da",
    "diagnostics",
    "direction_barplot",
    "dotplot",
    "embedding",
    "expression",
    "fold_changes",
    "gene_barplot",
    "heatmap",
    "multi_volcano_da",
    "power",
    "programs",
    "proportions",
    "pseudobulk",
    "regions",
    "replicates",
    "samples",
    "trend",
    "variance",
    "volcano_da",
    "volcano_de",
]

take_arguments(globals(), __all__)
