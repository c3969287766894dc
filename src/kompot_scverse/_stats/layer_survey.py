"""What the values of an expression matrix are: whether they are logs of scaled counts, and the value of one count."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kompot_scverse._gp.row_pieces import row_pieces
from kompot_scverse._gp.row_tasks import RowReader, map_rows, row_tasks

LOG_BASES = (np.e, 2.0, 10.0)
PROBES, PROBE_ROWS = 3, 32
"""Places, and rows there, at which the base of the logarithm is found."""
WHOLE = 0.99
"""Share of the values that must be whole multiples of the smallest one of their cell."""
TOLERANCE = (0.02, 1e-4)
"""How far a multiple may be from whole: absolutely, and of itself for the rounding of large values."""
LARGEST_COUNT = 2.0**31
"""More molecules of a gene no cell has; so large a multiple of anything is whole, up to rounding."""
LARGEST = 700.0
"""Values above this are no logarithms; their powers of e would overflow."""


@dataclass(frozen=True)
class LayerSurvey:
    """Findings of a pass over all genes."""

    unit: NDArray[np.float64]
    """What one count is worth before the logarithm, per cell; NaN for cells without counts or that take no part."""
    detected: NDArray[np.int64]
    """Values other than 0, per cell."""
    expressing: NDArray[np.int64]
    """Cells with a value other than 0, per gene; 0 for genes with values that are not finite."""
    scale: float | None
    """Natural logarithm of the base of the layer's logarithm; None if the values are not logs of 1 + scaled counts."""


@dataclass
class _Part:
    """Findings of some rows."""

    cells: list[tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.int64]]]
    """Row numbers, units, detected values."""
    genes: NDArray[np.int64]
    """Cells with a value other than 0, and such with one that is not finite: 2 x genes."""
    values: NDArray[np.int64]
    """Whole multiples, and all values."""

    def add(self, other: "_Part") -> "_Part":
        """Sum of both."""
        return _Part(self.cells + other.cells, self.genes + other.genes, self.values + other.values)


def survey_layer(y: RowReader, codes: NDArray[np.integer]) -> LayerSurvey:
    r"""Find out what one count is worth in each cell, from the values alone.

    In :math:`\log(1 + u c)` the smallest value of a cell belongs to c = 1, as nearly every cell has genes with a single
    count, and all :math:`e^y - 1` of the cell are whole multiples of it. Where they are not (values that were scaled,
    corrected, imputed, or are no logs) nothing is assumed. The base of the logarithm is that of the three usual ones with
    which it works.

    Parameters
    ----------
    y
        All genes of the layer, cells x genes. Values that are not finite are left out.
    codes
        Sample number of every cell, -1 for cells that take no part.
    """
    scale = _probe(y, codes)
    found = _collect(y, codes, scale)
    whole, total = found.values
    if scale is not None and whole < WHOLE * total:
        scale = None
    unit, detected = np.full(len(codes), np.nan), np.zeros(len(codes), dtype=np.int64)
    for rows, units, numbers in found.cells:
        unit[rows], detected[rows] = units, numbers
    expressing = np.where(found.genes[1] == 0, found.genes[0], 0)
    return LayerSurvey(unit if scale is not None else np.full(len(codes), np.nan), detected, expressing, scale)


def _collect(y: RowReader, codes: NDArray[np.integer], scale: float | None) -> _Part:
    numbers = np.arange(len(codes))
    return map_rows(y, codes, partial(_survey_rows, scale=scale), (codes, numbers), _Part.add, "depth")


def _probe(y: RowReader, codes: NDArray[np.integer]) -> float | None:
    """The base of the logarithm, from a few rows."""
    tasks = list(row_tasks(y, codes))
    numbers = np.arange(len(codes))
    chosen = [tasks[i] for i in sorted({0, len(tasks) // 2, len(tasks) - 1})][:PROBES]
    rows = [own[codes[own] >= 0][:PROBE_ROWS] for own in (numbers[task] for task in chosen)]
    for base in LOG_BASES:
        scale = float(np.log(base))
        parts = [_survey_rows(y, own, codes[own], own, scale=scale) for own in rows]
        whole, total = np.sum([part.values for part in parts], axis=0)
        if total and whole >= WHOLE * total:
            return scale
    return None


def _survey_rows(
    y: RowReader,
    rows: slice | NDArray[np.intp],
    codes: NDArray[np.integer],
    numbers: NDArray[np.intp],
    scale: float | None,
) -> _Part:
    """One task; codes and numbers are those of its rows."""
    block, own = sp.csr_array(y.read(rows)), np.flatnonzero(codes >= 0)
    if len(own) < len(codes):
        block = block[own]
    per_gene, detected = np.zeros((2, block.shape[1]), dtype=np.int64), np.zeros(len(own), dtype=np.int64)
    unit, whole = np.full(len(own), np.nan), 0
    for piece, places in row_pieces(block.indptr):
        values, genes, sizes = (
            block.data[places],
            block.indices[places],
            np.diff(block.indptr[piece.start : piece.stop + 1]),
        )
        finite = np.isfinite(values)
        there = finite & (values != 0)
        if not there.all():
            sizes = np.bincount(np.repeat(np.arange(len(sizes)), sizes)[there], minlength=len(sizes))
            per_gene[1] += np.bincount(genes[~finite], minlength=block.shape[1])
            values, genes = values[there], genes[there]
        per_gene[0] += np.bincount(genes, minlength=block.shape[1])
        detected[piece] = sizes
        if scale is not None and len(values):
            unit[piece], multiples = _units(values, sizes, scale)
            whole += multiples
    return _Part([(numbers[own], unit, detected)], per_gene, np.array([whole, int(detected.sum())]))


def _units(values: NDArray[np.floating], sizes: NDArray[np.integer], scale: float) -> tuple[NDArray[np.float64], int]:
    """What a count is worth in each cell, NaN for none, and how many values are whole multiples of it; `sizes` are values a cell."""
    # no logarithm is as large as to overflow
    linear = np.expm1(np.minimum(values.astype(np.float64) * scale, LARGEST))
    some, unit = sizes > 0, np.full(len(sizes), np.nan)
    unit[some] = np.minimum.reduceat(linear, (np.cumsum(sizes) - sizes)[some])
    ratio = linear / np.repeat(unit, sizes)
    off = np.abs(ratio - np.rint(ratio)) - TOLERANCE[1] * ratio
    whole = int(((off <= TOLERANCE[0]) & (linear > 0) & (ratio < LARGEST_COUNT) & (values * scale < LARGEST)).sum())
    # below 0 are no counts
    unit[unit <= 0] = np.nan
    return unit, whole
