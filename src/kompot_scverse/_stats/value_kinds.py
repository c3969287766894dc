"""Which kind of values an expression matrix holds: logs of scaled counts, counts, scaled values or logs taken twice."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kompot_scverse._gp.row_pieces import row_pieces

LARGEST = 300.0
"""Values above this are no logarithms; their powers would overflow."""
MULTIPLES = (1.5, 50.0)
"""Multiples of the smallest value of a cell that tell something: others are 1, or too large to be told from whole ones."""
TOLERANCE = 0.02
WHOLE = 0.95
"""Share of the multiples that must be whole numbers."""
MIN_MULTIPLES = 20
MAX_VALUES = 200_000
"""Values from which multiples are seen."""
CENTRED = 0.15
"""Mean of a gene in standard deviations up to which, beside the error of the mean, it is centred."""
MIN_GENES = 20
"""Genes whose standard deviation can tell that they were scaled."""


@dataclass(frozen=True)
class ValueKinds:
    """Kinds of values that were found in a few cells."""

    n_cells: int
    n_counts: int
    """Cells with whole numbers only, some of them above 1."""
    n_negative: int
    """Cells with negative values."""
    smallest: float
    scaled: bool
    """Whether the genes all vary by 1 or, over the cells with negative values, are centred at 0."""
    whole: bool
    """Whether the cells that are neither counts nor have negative values have whole numbers only."""
    data: NDArray[np.float64]
    """Values of these cells other than 0; of many, some that are spread over all."""
    lowest: NDArray[np.float64]
    """The smallest of them in the cell of each value."""

    def are_counts(self) -> bool:
        """Whether there is nothing but whole numbers, some of them above 1."""
        return self.n_counts > 0 and self.n_negative == 0 and self.whole

    def are_logs(self, base: float) -> bool:
        """Whether the values are logs of 1 + scaled counts: all powers of a cell are whole multiples of the smallest one."""
        scale = np.log(base)
        return self._whole(lambda x: np.expm1(np.minimum(x * scale, LARGEST)))

    def are_scaled_counts(self) -> bool:
        """Whether the values themselves are such multiples."""
        return self._whole(lambda x: x)

    def are_logs_of_logs(self) -> bool:
        """Whether the values are natural logs, taken twice."""
        return self._whole(lambda x: np.expm1(np.minimum(np.expm1(np.minimum(x, LARGEST)), LARGEST)))

    def _whole(self, count: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> bool:
        ratio = count(self.data) / count(self.lowest)
        ratio = ratio[(ratio >= MULTIPLES[0]) & (ratio <= MULTIPLES[1])]
        whole = np.abs(ratio - np.rint(ratio)) <= TOLERANCE
        return len(ratio) >= MIN_MULTIPLES and bool(whole.mean() >= WHOLE)


def value_kinds(block: NDArray[np.floating] | sp.csr_array) -> ValueKinds:
    """
    Find out which kinds of values some cells have.

    Parameters
    ----------
    block
        Cells x genes; values that are not finite are left out.
    """
    y = sp.csr_array(block)
    if not all((np.isfinite(y.data[places]) & (y.data[places] != 0)).all() for _, places in row_pieces(y.indptr)):
        y = y.copy()
        y.data[~np.isfinite(y.data)] = 0
        y.eliminate_zeros()
    n, sizes = y.shape[0], np.diff(y.indptr)
    broken, lowest, highest = np.zeros(n, dtype=bool), np.full(n, np.inf), np.full(n, -np.inf)
    for piece, places in row_pieces(y.indptr):
        some = np.flatnonzero(sizes[piece])
        if len(some):
            values, starts = y.data[places], y.indptr[piece][some] - places.start
            some += piece.start
            broken[some] = np.logical_or.reduceat(values != np.rint(values), starts)
            lowest[some], highest[some] = (one.reduceat(values, starts) for one in (np.minimum, np.maximum))
    below = lowest < 0
    counts = ~broken & (highest > 1) & ~below
    clean = ~(counts | below)
    own = np.flatnonzero(np.repeat(clean, sizes))
    own = own[:: max(1, len(own) // MAX_VALUES)]
    cells = np.searchsorted(y.indptr, own, side="right") - 1
    return ValueKinds(
        n_cells=n,
        n_counts=int(counts.sum()),
        n_negative=int(below.sum()),
        smallest=float(min(y.data.min(initial=0), 0)),
        scaled=_is_scaled(y, below),
        whole=not broken[clean].any(),
        data=y.data[own].astype(np.float64),
        lowest=lowest[cells],
    )


def _is_scaled(y: sp.csr_array, below: NDArray[np.bool_]) -> bool:
    """Whether most genes have a mean of 0 over the cells with negative values, or a standard deviation of 1 over all."""
    if below.any():
        # others may be of a batch that was not scaled
        mean, std = _mean_and_std(y[np.flatnonzero(below)])
        if len(std) and np.median(np.abs(mean) / std) < CENTRED + 1 / np.sqrt(below.sum()):
            return True
    _, std = _mean_and_std(y)
    if len(std) < MIN_GENES:
        return False
    low, middle, high = np.quantile(std, [0.25, 0.5, 0.75])
    return bool(low > 0.7 and 0.85 < middle < 1.15 and high < 1.3)


def _mean_and_std(y: sp.csr_array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of the genes that vary."""
    sums = np.zeros((2, y.shape[1]))
    for _, places in row_pieces(y.indptr):
        values, genes = y.data[places].astype(np.float64), y.indices[places]
        for total, own in zip(sums, (values, np.square(values)), strict=True):
            total += np.bincount(genes, weights=own, minlength=y.shape[1])
    mean, square = sums / max(y.shape[0], 1)
    std = np.sqrt(np.maximum(square - mean**2, 0))
    varies = std > 1e-9
    return mean[varies], std[varies]
