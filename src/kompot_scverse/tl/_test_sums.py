"""Sums over the cells of every sample for the replicate tests of the features: of those asked for and those they borrow from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kompot_scverse._data.design import Design
from kompot_scverse._data.matrix import MatrixReader
from kompot_scverse._gp.moments import Moments, collect_moments
from kompot_scverse._stats.reference_genes import reference_genes

from ._depth import SampleDepths
from ._progress import progress_bar

__all__ = ["TestSums", "collect_test_sums"]


@dataclass(frozen=True)
class TestSums:
    """Sums of the features that are tested, and of those that everything is learnt from that features share."""

    moments: Moments
    chosen: np.ndarray
    """Columns of the features asked for, in their order."""
    reference: np.ndarray
    """Whether a column is one to learn from."""
    __test__ = False  # no test of pytest's


def collect_test_sums(
    every: MatrixReader,
    names: Sequence[str],
    numbers: np.ndarray | None,
    depths: SampleDepths,
    columns: np.ndarray,
    design: Design,
) -> TestSums:
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
    with progress_bar(int(design.cells.sum()), "samples", "cells") as advance:
        moments = collect_moments(
            y, np.empty((len(columns), 0)), design.sample_codes, len(design.samples), weights=columns, progress=advance
        )
    return TestSums(moments, chosen, np.isin(np.arange(len(names)) if read is None else read, reference))
