"""The features of a layer that a fit reads: those asked for, and those that the prior is estimated from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kompot_scverse._data.matrix import MatrixReader
from kompot_scverse._gp.row_tasks import RowReader
from kompot_scverse._gp.sample_sums import DOUBLE, SINGLE
from kompot_scverse._stats.reference_genes import MIN_CELLS, reference_genes

MAX_LEARNING = 3000
"""Genes from which the prior of the variance components is learnt."""


@dataclass(frozen=True)
class GenesRead:
    """A reader, and what its columns are."""

    y: RowReader
    chosen: np.ndarray
    """Columns of the features asked for, in their order."""
    reference: np.ndarray
    """Columns of those that the prior of the variance components is learnt from."""
    every: MatrixReader

    @property
    def rounding(self) -> float:
        """Relative error of sums of the expression, which is read in its own precision."""
        return DOUBLE if getattr(self.every.values, "dtype", None) == np.float64 else SINGLE

    def check(self, squares: np.ndarray) -> "GenesRead":
        """
        Raise where features asked for have values that are not finite; others that have are not learnt from.

        Parameters
        ----------
        squares
            Sums of y² of all that was read: samples × features.
        """
        finite = np.isfinite(squares).all(axis=0)
        if not finite[self.chosen].all():
            raise self.every.not_finite()
        return replace(self, reference=self.reference[finite[self.reference]])

    def with_reader(self, y: RowReader) -> "GenesRead":
        """The same features in another reader."""
        return replace(self, y=y)


def genes_read(every: MatrixReader, names: Sequence[str], numbers: np.ndarray | None, *, learn: bool) -> GenesRead:
    """
    Choose what is read.

    A gene gets the same results whatever else is asked for, since what genes learn from each other comes from the same ones
    always.

    Parameters
    ----------
    every
        Reader of all features.
    names
        Their names.
    numbers
        Those asked for; None for all.
    learn
        Whether anything is learnt over genes.
    """
    n = every.shape[1]
    reference = np.empty(0, dtype=np.intp)
    if learn:
        reference = reference_genes(names, np.full(n, MIN_CELLS), MAX_LEARNING)
    if numbers is None:
        return GenesRead(every, np.arange(n), reference, every)
    read = np.union1d(numbers, reference)
    # what is not asked for may hold anything
    reader = every.select(read).lenient()
    return GenesRead(reader, np.searchsorted(read, numbers), np.searchsorted(read, reference), every)
