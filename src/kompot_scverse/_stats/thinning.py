"""Expected log-normalised expression at a lower sequencing depth."""

import numpy as np
from numpy.typing import NDArray

TABULATED = 30
"""Counts up to here are looked up in a table of their cell."""
FEW_DRAWN = 50
NEARLY_ALL = 0.95
"""Of larger counts the expectation needs no more than mean and variance where many are drawn, or nearly all."""


class Thinning:
    r"""Expected log-normalised expression after only a share of each cell's counts has been drawn.

    The mean of :math:`\log(1 + u c)` over cells, with a count c worth u, depends on the sequencing depth: at low depth there are few counts of
    large value, at high depth many of small value. If only a share f of the counts is drawn, a count becomes
    :math:`b \sim \mathrm{Bin}(c, f)`, worth :math:`u/f`, just as if the cell had been sequenced less. So

    .. math:: E[\log(1 + u b / f) \mid c]

    has the same mean at every depth of c, whatever the distribution of the gene over cells; and since it is an expectation,
    nothing is drawn and hardly any information is lost.

    Parameters
    ----------
    unit
        What one count of a cell is worth in normalised expression, per cell.
    share
        Share of the counts that is kept, above 0 and at most 1, per cell.
    """

    def __init__(self, unit: NDArray[np.float64], share: NDArray[np.float64]) -> None:
        self.unit, self.share, self._table = unit, share, _table(unit, share)

    def few(self, counts: NDArray[np.integer], cells: NDArray[np.integer]) -> NDArray[np.float64]:
        """Expectations for counts up to :data:`TABULATED`, each with the number of its cell."""
        return self._table[cells, counts]

    def many(self, counts: NDArray[np.integer], cells: NDArray[np.integer]) -> NDArray[np.float64]:
        """Expectations for larger counts; faster for all together than piece by piece."""
        return _of_large_counts(counts.astype(np.float64), self.unit[cells], self.share[cells])


def _table(unit: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expectations for counts from 0 on, cells x counts."""
    value = np.log1p((unit / share)[:, None] * np.arange(TABULATED + 1))
    f = share[:, None]
    probability, table = np.zeros_like(value), np.zeros_like(value)
    probability[:, 0] = 1
    for c in range(1, TABULATED + 1):
        # one more count, drawn or not
        probability[:, 1:] = probability[:, 1:] * (1 - f) + probability[:, :-1] * f
        probability[:, :1] *= 1 - f
        table[:, c] = np.einsum("cb,cb->c", probability, value)
    return table


def _of_large_counts(
    counts: NDArray[np.float64], unit: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Expectation up to the variance of the drawn counts, or where few are drawn, over their distribution."""
    mean = unit * counts
    out = np.log1p(mean) - 0.5 * unit * mean * (1 - share) / share / (1 + mean) ** 2
    few = np.flatnonzero((counts * share < FEW_DRAWN) & (share < NEARLY_ALL))
    c, f = counts[few], share[few]
    value, odds = unit[few] / f, f / (1 - f)
    probability, total = (1 - f) ** c, np.zeros(len(few))
    for b in range(1, 2 * FEW_DRAWN):
        probability *= np.maximum(c - b + 1, 0) / b * odds
        total += probability * np.log1p(value * b)
    out[few] = total
    return out
