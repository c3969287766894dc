"""Sums of expression over the cells of every sample, for the replicate tests."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from kompot_scverse._data.matrix import MatrixReader
from kompot_scverse._gp.gene_blocks import collect_in_passes
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.reference_genes import reference_genes
from kompot_scverse._stats.sample_tests import ComputedWeights, SumsOfGenes

from ._depth import SampleDepths


def collect_sums(
    every: MatrixReader,
    names: Sequence[str],
    numbers: np.ndarray | None,
    depths: SampleDepths,
    columns: csr_array | ComputedWeights,
    design: Design,
) -> SumsOfGenes:
    """
    Sum expression at equal depth, and its squares, over the cells of every sample.

    Parameters
    ----------
    every
        Reader of all features of the layer.
    names
        Their names.
    numbers
        Those asked for; None for all.
    depths
        Depths of the samples.
    columns
        Weights of the cells: cells × weights.
    design
        Conditions and samples.
    """
    reference = reference_genes(names, depths.survey.expressing)
    if numbers is None:
        read, chosen = None, np.arange(len(names))
    else:
        read = np.union1d(numbers, reference)
        chosen = np.searchsorted(read, numbers)
    y = depths.equalised(every.select(read))
    nothing, codes, n_samples = np.empty((columns.shape[0], 0)), design.sample_codes, len(design.samples)
    moments = collect_in_passes(y, nothing, codes, n_samples, weights=columns, what="samples")
    genes = np.arange(len(names)) if read is None else read
    return SumsOfGenes(moments, chosen, np.isin(genes, reference), genes)
