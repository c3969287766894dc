"""Right-hand sides of the normal equations."""

import numpy as np

from .sample_sums import SampleSums
from .varying_coefficients import VaryingCoefficients


class RightHands:
    """
    Right-hand sides of the normal equations of some genes, about the mean of each, where there is an intercept: it is part of it only.

    Parameters
    ----------
    model
        The model.
    sums
        Sums of the genes.
    """

    def __init__(self, model: VaryingCoefficients, sums: SampleSums) -> None:
        self.model, self.sums = model, sums
        self.means = sums.means() if model.n_flat else np.zeros(sums.cross.shape[1])
        self.total = sums.square.sum(axis=0) - model.n_cells * self.means**2
        """Sum of squares of each gene about its mean over all cells."""
        self.flat = (model.n_flat > 0) & (self.total <= sums.rounding * sums.square.sum(axis=0))
        """Whether genes have one value in all cells, but for rounding of their sums, and an intercept explains them."""
        columns = np.tensordot(model.design.T, sums.cross, 1)
        columns -= (model.design.T @ sums.gram[:, 0])[:, None] * self.means[:, None]
        self.right = model.in_order(columns @ model.axes)
        self._rotated: dict[int, np.ndarray] = {}
        self._known: dict[float, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def at(self, sample: float, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Right-hand sides and sums of squares at one ratio of the sample fields.

        Parameters
        ----------
        sample
            The ratio.
        rows
            Genes of which they are needed.

        Returns
        -------
        Right-hand sides, genes × coefficients, and sums of squares, of all genes, good for those asked for.
        """
        if sample == 0:
            return self.right, self.total
        if sample not in self._known:
            empty = np.empty_like(self.right), np.empty_like(self.total), np.zeros(len(self.total), dtype=bool)
            self._known[sample] = empty
        right, squares, known = self._known[sample]
        new = rows[~known[rows]]
        if len(new):
            right[new], squares[new] = self._eliminated(sample, new)
            known[new] = True
        return right, squares

    def _eliminated(self, sample: float, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own = self.model.elimination(sample)
        rotated = [self._rotate(number, n, rows) for number, n in enumerate(own.numbers)]
        squares = self.total[rows].copy()
        for values, shrunk in zip(rotated, own.of_squares, strict=True):
            squares -= np.square(values) @ shrunk
        taken = np.zeros((self.model.n_columns, len(rows), self.model.n_features))
        for members, columns, matrix in own.maps:
            of_group = np.concatenate([rotated[number] for number in members], axis=1) @ matrix
            for total, weight in zip(taken, columns, strict=True):
                if weight != 0:
                    total += weight * of_group
        return self.right[rows] - self.model.in_order(taken), squares

    def _rotate(self, number: int, n: int, rows: np.ndarray) -> np.ndarray:
        """Sums of a block about the mean of the gene, in the first directions of the block's own: rows × directions."""
        known = self._rotated.get(number)
        if known is None:
            known = self._rotated[number] = self._in_directions(number, slice(0, n), slice(None))
        if n <= known.shape[1]:
            return known[rows, :n]
        more = slice(known.shape[1], n)
        if 2 * len(rows) < len(known):
            # further directions are for ratios that few genes get to
            return np.hstack([known[rows], self._in_directions(number, more, rows)])
        known = self._rotated[number] = np.hstack([known, self._in_directions(number, more, slice(None))])
        return known[rows]

    def _in_directions(self, number: int, directions: slice, rows: slice | np.ndarray) -> np.ndarray:
        fields = self.model.fields
        vectors = fields.spectra[number][1][:, directions]
        found = fields.along(number, self.sums.cross)[rows] @ vectors
        of_constant = fields.along(number, self.sums.gram[:, :1]) @ vectors
        return found - self.means[rows, None] * of_constant
