"""Regions of the cell states in which a field changes by a constant: chosen by evidence."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve

from .amplitudes import GRID, Marginal, choose_amplitudes, scaled_factor

MOST = 12
"""Regions at most."""
MAX_MOVES = 60
GAIN = 0.01
"""A step that gains less log evidence is not taken."""


@dataclass(frozen=True)
class _Choice:
    """Positions on the grid of the amplitudes, -1 for 0, and their evidence."""

    fields: tuple[int, ...]
    """Of each block of the fields."""
    regions: dict[int, int]
    """Of each chosen region, by its number."""
    evidence: float = -np.inf

    def variances(self, blocks: np.ndarray, n_regions: int) -> tuple[float, np.ndarray]:
        """Prior variance of the weights of the first block, and of all others."""
        values = np.append(GRID, 0.0)  # position -1 is 0
        fields, own = values[list(self.fields)], np.zeros(n_regions)
        own[list(self.regions)] = values[list(self.regions.values())]
        return float(fields[0]), np.append(fields[blocks[blocks > 0]], own)


def choose_regions(hessian: np.ndarray, linear: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    r"""
    Choose the regions whose own levels explain more than smooth and rough fields do.

    The log likelihood is :math:`b^\top w - \tfrac12 w^\top H w`. Each region is a weight with a prior variance of its own,
    most of them 0: a region comes in where its log evidence grows by more than :math:`\log n` for n regions, so that one of them
    comes in by chance about once in n. The search starts twice: from no field, and from the fields without regions. It takes the step of
    largest evidence until none gains: a region more or less, or the amplitude of a field or region up or down. The better result counts.

    Parameters
    ----------
    hessian
        H: weights of the fields, then of the regions; square.
    linear
        b: weights × columns, each with weights of its own and the same amplitudes.
    blocks
        Number of the block of each weight of the fields.

    Returns
    -------
    Numbers of the chosen regions, ascending.
    """
    rank, n_regions = len(blocks), len(hessian) - len(blocks)
    alone = choose_amplitudes(hessian[:rank, :rank], linear[:rank], blocks)
    starts = (tuple(int(position) for position in alone), (-1,) * len(alone))
    problem = _Problem(hessian, linear, blocks, n_regions)
    best = max((problem.climb(_Choice(start, {})) for start in starts), key=lambda choice: choice.evidence)
    return np.array(sorted(best.regions), dtype=np.intp)


class _Problem:
    def __init__(self, hessian: np.ndarray, linear: np.ndarray, blocks: np.ndarray, n_regions: int) -> None:
        self.blocks, self.n_regions = blocks, n_regions
        self.marginal = Marginal(hessian, linear, np.append(blocks == 0, np.zeros(n_regions, dtype=bool)))

    def climb(self, choice: _Choice) -> _Choice:
        """Take the best step until none gains."""
        choice = self._weighed(choice)
        for _ in range(MAX_MOVES):
            steps = [self._weighed(step) for step in _steps(choice)] + self._further(choice)
            best = max(steps, key=lambda step: step.evidence)
            if best.evidence <= choice.evidence + GAIN:
                break
            choice = best
        return choice

    def _weighed(self, choice: _Choice) -> _Choice:
        found = self.marginal.log_evidence(*choice.variances(self.blocks, self.n_regions))
        return replace(choice, evidence=found - len(choice.regions) * np.log(self.n_regions))

    def _further(self, choice: _Choice) -> list[_Choice]:
        """The choice with the best further region, whose evidence with the others as they are is a formula of one weight."""
        if len(choice.regions) >= min(MOST, self.n_regions):
            return []
        of_first, others = choice.variances(self.blocks, self.n_regions)
        hessian, linear, _ = self.marginal.at(of_first)
        first = len(others) - self.n_regions
        information, of_regions = np.diag(hessian)[first:].copy(), linear[first:]
        if others.any():
            on, root, factor = scaled_factor(hessian, others)
            crossed = root[:, None] * hessian[on, first:]
            solved = cho_solve(factor, crossed)
            information -= np.einsum("ij,ij->j", crossed, solved)
            of_regions = of_regions - solved.T @ (root[:, None] * linear[on])
        scaled = np.maximum(information, 0)[:, None] * GRID
        explained = np.square(of_regions).sum(axis=1)[:, None] * GRID / (1 + scaled)
        gain = (explained - linear.shape[1] * np.log1p(scaled)) / 2 - np.log(self.n_regions)
        gain[list(choice.regions)] = -np.inf
        region, position = np.unravel_index(int(gain.argmax()), gain.shape)
        regions = choice.regions | {int(region): int(position)}
        return [replace(choice, regions=regions, evidence=choice.evidence + float(gain[region, position]))]


def _steps(choice: _Choice) -> list[_Choice]:
    """The choices next to it that add no region."""
    found = []
    for number, position in enumerate(choice.fields):
        near = range(len(GRID)) if position < 0 else (position - 1, position + 1, -1)
        for other in near:
            if other < len(GRID):
                found.append(replace(choice, fields=(*choice.fields[:number], other, *choice.fields[number + 1 :])))
    for region, position in choice.regions.items():
        rest = {key: value for key, value in choice.regions.items() if key != region}
        found.append(replace(choice, regions=rest))
        for other in (position - 1, position + 1):
            if 0 <= other < len(GRID):
                found.append(replace(choice, regions=rest | {region: other}))
    return found
