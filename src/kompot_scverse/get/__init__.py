"""Results as tidy tables and arrays."""

from kompot_scverse._accessors import take_arguments

from .da_df import da_df
from .de_df import de_df
from .gene_sets import gene_sets
from .influence import influence
from .layer import layer
from .programs import programs
from .region_cells import region_cells
from .regions import regions
from .runs import runs
from .sample_covariance import sample_covariance
from .sample_distances import sample_distances
from .sample_test import sample_test

__all__ = [
    "da_df",
    "de_df",
    "gene_sets",
    "influence",
    "layer",
    "programs",
    "region_cells",
    "regions",
    "runs",
    "sample_covariance",
    "sample_distances",
    "sample_test",
]

take_arguments(globals(), __all__)
