"""Tools: differential abundance, differential expression, smoothing."""

from kompot_scverse._accessors import take_arguments

from .cleanup import cleanup
from .da import da
from .de import de
from .gene_sets import gene_sets
from .influence import influence
from .programs import programs
from .rank_genes_groups import rank_genes_groups
from .regions import regions
from .restore_layers import restore_layers
from .smooth import smooth
from .threshold_da import threshold_da

__all__ = [
    "cleanup",
    "da",
    "de",
    "gene_sets",
    "influence",
    "programs",
    "rank_genes_groups",
    "regions",
    "restore_layers",
    "smooth",
    "threshold_da",
]

take_arguments(globals(), __all__)
