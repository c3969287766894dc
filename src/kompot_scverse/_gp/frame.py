"""Coordinates that do not depend on the offset and scale of a representation."""

from dataclasses import dataclass

import numpy as np

SHARE = 0.9
"""Share of the cells whose distance from the centre makes the unit: neither outliers nor many cells at one point do."""

BLOCK = 65_536
"""Cells at a time."""


@dataclass(frozen=True)
class Frame:
    """
    Origin and unit of the coordinates that everything is computed in.

    The unit is a power of two, the same for all dimensions: dividing by it rounds nothing, and distances keep their
    proportions.
    """

    center: np.ndarray
    """Origin in the units of the representation: dimensions."""
    exponent: int
    """Binary logarithm of the unit."""

    @property
    def scale(self) -> float:
        """The unit, in those of the representation."""
        return float(np.ldexp(1.0, self.exponent))

    def inward(self, x: np.ndarray) -> np.ndarray:
        """Points of the representation (cells × dimensions) in coordinates of the frame, float64."""
        return np.ldexp(np.asarray(x, dtype=np.float64) - self.center, -self.exponent)

    def column(self, values: np.ndarray, number: int) -> np.ndarray:
        """One coordinate of some points."""
        return np.ldexp(values.astype(np.float64) - self.center[number], -self.exponent)


def fit_frame(x: np.ndarray) -> Frame:
    """
    Centre at the median of every coordinate, and a unit close to the distance that most cells have from it.

    Both are order statistics, so the order of the cells does not matter to the last bit.

    Parameters
    ----------
    x
        Cells × dimensions, finite.
    """
    # column by column and block by block: copies of the representation of very many cells would not fit beside it
    center = np.array([np.median(column.astype(np.float64)) for column in x.T])
    blocks = [x[start : start + BLOCK] for start in range(0, len(x), BLOCK)]
    largest = max(float(np.abs(block - center).max(initial=0)) for block in blocks)
    if largest == 0:
        return Frame(center, 0)
    # within the range of squares first
    exponent = int(np.frexp(largest)[1])
    distances = np.concatenate(
        [np.sqrt(np.square(np.ldexp(block - center, -exponent)).sum(axis=1)) for block in blocks]
    )
    typical = np.quantile(distances, SHARE, method="higher")
    if typical == 0:
        typical = np.median(distances[distances > 0])
    return Frame(center, exponent + int(np.floor(np.log2(typical))))
