"""The likelihood of which sample every cell is of, given fields over the cell states."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Cells", "Fields", "State"]

MAX_CELLS = 4000
"""Cells that the information about the samples is taken from; of several thousand it does not change visibly."""
MAX_STEPS = 50
SLIGHT = 1e-9
"""Share of the cells of a sample that its information is at least taken for."""
TOLERANCE = 1e-9
"""Largest error of a level at which to stop."""


@dataclass(frozen=True)
class Fields:
    """Weights of the effects and of the samples' own fields."""

    delta: np.ndarray
    """Effects × rank."""
    own: np.ndarray
    """Samples × rank."""

    def of_samples(self, design: np.ndarray) -> np.ndarray:
        """The effects of each sample, and the own field: samples × rank; `design` is samples × effects."""
        return design @ self.delta + self.own

    def __add__(self, other: "Fields") -> "Fields":
        return Fields(self.delta + other.delta, self.own + other.own)

    def __sub__(self, other: "Fields") -> "Fields":
        return Fields(self.delta - other.delta, self.own - other.own)

    def __mul__(self, size: float) -> "Fields":
        return Fields(self.delta * size, self.own * size)


@dataclass(frozen=True)
class State:
    """The likelihood at one value of the fields, the levels at their optimum."""

    fields: Fields
    of_samples: np.ndarray
    """Weights of the field of each sample: samples × rank."""
    value: float
    """Log likelihood."""
    score: np.ndarray
    """Its gradient by the field of each sample: samples × rank."""
    levels: np.ndarray
    """Log levels of the samples."""
    probability: np.ndarray
    """Of each cell to be of each sample: cells × samples."""


@dataclass(frozen=True)
class Cells:
    """The cells and their samples."""

    phi: np.ndarray
    """Features: cells × rank."""
    codes: np.ndarray
    """Number of the sample of every cell."""
    design: np.ndarray
    """Samples × effects, without a constant."""

    @cached_property
    def counts(self) -> np.ndarray:
        """Cells of each sample."""
        return np.bincount(self.codes, minlength=len(self.design)).astype(np.float64)

    @cached_property
    def sums(self) -> np.ndarray:
        """Sums of the features of each sample: samples × rank."""
        return np.stack([self.phi[self.codes == sample].sum(axis=0) for sample in range(len(self.design))])

    def at(self, fields: Fields, levels: np.ndarray) -> State:
        """
        Likelihood and score, with the levels at which as many cells are expected of each sample as it has.

        Parameters
        ----------
        fields
            Fields of effects and samples.
        levels
            Where the search for the levels starts.
        """
        of_samples = fields.of_samples(self.design)
        field = self.phi @ of_samples.T
        for _ in range(MAX_STEPS):
            eta = field + levels
            top = eta.max(axis=1, keepdims=True)
            probability = np.exp(eta - top)
            total = probability.sum(axis=1, keepdims=True)
            probability /= total
            expected = probability.sum(axis=0)
            # Newton's step; a level common to all is not determined, which the last term settles
            curvature = np.diag(expected) - probability.T @ probability + np.full((len(expected),) * 2, expected.mean())
            # of a sample that no cell is likely to be of yet
            curvature[np.diag_indices_from(curvature)] += SLIGHT * self.counts
            missing = self.counts - expected
            change = np.linalg.solve(curvature, missing)
            # levels of samples that share no states are hardly determined, and do not matter
            if min(np.abs(change).max(), np.abs(missing / self.counts).max()) < TOLERANCE:
                break
            levels = levels + np.clip(change, -1, 1)
        value = float((eta[np.arange(len(eta)), self.codes] - top[:, 0] - np.log(total[:, 0])).sum())
        return State(fields, of_samples, value, self.sums - probability.T @ self.phi, levels, probability)

    def information(self, probability: np.ndarray) -> list[np.ndarray]:
        r"""
        Information :math:`\sum_i P_{is} \Phi_i \Phi_i^\top` of each of several sets, level free, from at most `MAX_CELLS` cells.

        Parameters
        ----------
        probability
            Probability of each cell to be of each set: cells × sets.
        """
        rows, factor = self._spread, len(self.phi) / len(self._spread)
        phi, out = self.phi[rows], []
        for weight in probability[rows].T * factor:
            centred = (phi - weight @ phi / weight.sum()) * np.sqrt(weight)[:, None]
            out.append(centred.T @ centred)
        return out

    @cached_property
    def _spread(self) -> np.ndarray:
        """Cells that stand for all, whatever their order."""
        if len(self.phi) <= MAX_CELLS:
            return np.arange(len(self.phi))
        order = np.lexsort(self.phi[:, :2].T)
        return order[np.linspace(0, len(order) - 1, MAX_CELLS).astype(np.intp)]
