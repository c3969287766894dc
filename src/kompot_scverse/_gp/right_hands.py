"""Right-hand sides of the normal equations."""

import numpy as np

from .sample_sums import SampleSums
from .varying_coefficients import VaryingCoefficients

__all__ = ["RightHands"]


class RightHands:
    """
    Right-hand sides of the normal equations of some genes, about the mean of each: it is part of the intercept only.

    Parameters
    ----------
    model
        The model.
    sums
        Sums of the genes.
    """

    def __init__(self, model: VaryingCoefficients, sums: SampleSums) -> None:
        self.model, self.means = model, sums.means()
        centred = sums.cross - self.means[:, None] * sums.gram[:, :1]
        self._centred = centred
        columns = np.tensordot(model.design.T, centred, 1) @ model.axes
        self.right = np.concatenate(list(columns), axis=1)[:, model.order]
        self.square = sums.square.sum(axis=0) - model.n_cells * self.means**2
        self._rotated: list[np.ndarray] = []

    def at(self, sample: float) -> tuple[np.ndarray, np.ndarray]:
        """Right-hand sides, genes × coefficients, and sums of squares at one ratio of the sample fields."""
        if sample == 0:
            return self.right, self.square
        own = self.model.elimination(sample)
        if not self._rotated:
            self._rotated = [np.empty((len(self.right), 0)) for _ in own.numbers]
        for number, n in enumerate(own.numbers):
            known = self._rotated[number]
            if known.shape[1] < n:
                fields = self.model.fields
                more = fields.along(number, self._centred) @ fields.spectra[number][1][:, known.shape[1] : n]
                self._rotated[number] = np.hstack([known, more])
        rotated = np.concatenate([one[:, :n] for one, n in zip(self._rotated, own.numbers, strict=True)], axis=1)
        return self.right - rotated @ own.map, self.square - np.square(rotated) @ own.of_squares
