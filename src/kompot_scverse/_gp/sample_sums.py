"""Sums of expression over the cells of every sample."""

from dataclasses import dataclass, replace

import numpy as np

SINGLE, DOUBLE = 2e-5, 1e-10
"""Relative errors of sums of expression in single and in double precision, with a margin."""


@dataclass(frozen=True)
class SampleSums:
    """Sums over the cells of every sample; the first feature is the constant 1."""

    gram: np.ndarray
    """Sum of FFᵀ: samples × features × features."""
    cross: np.ndarray
    """Sum of yFᵀ: samples × genes × features."""
    square: np.ndarray
    """Sum of y²: samples × genes."""
    rounding: float = DOUBLE
    """Relative error of the sums."""

    @property
    def single(self) -> bool:
        """Whether they are sums in single precision."""
        return self.rounding >= SINGLE

    def genes(self, chosen: slice | np.ndarray) -> "SampleSums":
        """The sums of some genes."""
        return replace(self, cross=self.cross[:, chosen], square=self.square[:, chosen])

    def means(self) -> np.ndarray:
        """Mean of each gene over all cells."""
        return self.cross[:, :, 0].sum(axis=0) / self.gram[:, 0, 0].sum()
