"""The likelihood of which sample every cell is of, given fields over the cell states."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import softmax

from .cell_blocks import CellBlocks
from .device import accelerator, numerics, put_rows, run_there
from .features import Features
from .sums_by_code import sums_by_code

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
    """Of the cells that information is taken from to be of each sample: cells × samples."""


class Cells:
    """
    The cells and their samples.

    Parameters
    ----------
    phi
        Features: cells × rank.
    codes
        Number of the sample of every cell.
    design
        Samples × effects, without a constant.
    """

    def __init__(self, phi: Features | CellBlocks, codes: np.ndarray, design: np.ndarray) -> None:
        self.blocks = phi if isinstance(phi, CellBlocks) else CellBlocks(phi, codes)
        self.codes, self.design = codes, design
        self.rank = self.blocks.shape[1]

    @cached_property
    def counts(self) -> np.ndarray:
        """Cells of each sample."""
        return np.bincount(self.codes, minlength=len(self.design)).astype(np.float64)

    @cached_property
    def sums(self) -> np.ndarray:
        """Sums of the features of each sample: samples × rank."""
        return self.blocks.sum(_sums, len(self.design))[0]

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
        field = self.blocks.hold(_field, of_samples)
        for _ in range(MAX_STEPS):
            expected, products = self.blocks.sum(_expected, levels, held=field)
            # Newton's step; a level common to all is not determined, which the last term settles
            curvature = np.diag(expected) - products + np.full((len(expected),) * 2, expected.mean())
            # of a sample that no cell is likely to be of yet
            curvature[np.diag_indices_from(curvature)] += SLIGHT * self.counts
            missing = self.counts - expected
            change = np.linalg.solve(curvature, missing)
            # levels of samples that share no states are hardly determined, and do not matter
            if min(np.abs(change).max(), np.abs(missing / self.counts).max()) < TOLERANCE:
                break
            levels = levels + np.clip(change, -1, 1)
        value, taken = self.blocks.sum(_value_and_score, levels, held=field)
        probability = softmax(self._spread @ of_samples.T + levels, axis=1)
        return State(fields, of_samples, float(value), self.sums - taken, levels, probability)

    def information(self, probability: np.ndarray) -> list[np.ndarray]:
        r"""
        Information :math:`\sum_i P_{is} \Phi_i \Phi_i^\top` of each of several sets, level free, from at most `MAX_CELLS` cells.

        Parameters
        ----------
        probability
            Probability of each of these cells to be of each set: cells × sets.
        """
        phi, factor, out = self._spread, len(self.codes) / len(self._spread), []
        there = None if accelerator() is None else put_rows(phi, len(phi))
        for weight in probability.T * factor:
            found = _centred(phi, weight) if there is None else run_there(_centred, (there, weight), (), len(phi))
            out.append(found[0])
        return out

    def everything(self) -> np.ndarray:
        """The information of all cells together."""
        return self.information(np.ones((len(self._spread), 1)))[0]

    def largest_move(self, step: Fields) -> float:
        """How far a step moves the field of any sample at any cell."""
        return float(self.blocks.reduce(_larger, _largest, step.of_samples(self.design))[0])

    @cached_property
    def spread(self) -> np.ndarray:
        """Row numbers of cells that represent all, independent of their order."""
        if len(self.codes) <= MAX_CELLS:
            return np.arange(len(self.codes))
        order = np.lexsort(self.blocks.map(_first_two).T)
        return order[np.linspace(0, len(order) - 1, MAX_CELLS).astype(np.intp)]

    @cached_property
    def _spread(self) -> np.ndarray:
        """Features of these cells."""
        return self.blocks.rows(self.spread)


def _sums(phi: np.ndarray, codes: np.ndarray, n_samples: int) -> tuple[np.ndarray]:
    return (sums_by_code(phi, codes, n_samples),)


def _centred(phi: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray]:
    """Weighted products of the features with each other, about their mean."""
    centred = (phi - weight @ phi / weight.sum()) * (weight**0.5)[:, None]
    return (centred.T @ centred,)


def _field(phi: np.ndarray, _: np.ndarray, of_samples: np.ndarray) -> np.ndarray:
    return phi @ of_samples.T


def _expected(_: np.ndarray, __: np.ndarray, field: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probability = numerics(field)[1].softmax(field + levels, axis=1)
    return probability.sum(axis=0), probability.T @ probability


def _value_and_score(
    phi: np.ndarray, codes: np.ndarray, field: np.ndarray, levels: np.ndarray
) -> tuple[float, np.ndarray]:
    xp, special = numerics(phi)
    logs = special.log_softmax(field + levels, axis=1)
    return logs[xp.arange(len(codes)), codes].sum(), xp.exp(logs).T @ phi


def _first_two(phi: np.ndarray, _: np.ndarray) -> np.ndarray:
    return phi[:, :2]


def _largest(phi: np.ndarray, _: np.ndarray, of_samples: np.ndarray) -> tuple[np.floating]:
    return (abs(phi @ of_samples.T).max(),)


def _larger(first: tuple[np.floating], second: tuple[np.floating]) -> tuple[np.floating]:
    return (max(first[0], second[0]),)
