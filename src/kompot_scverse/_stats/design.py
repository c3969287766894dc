"""Conditions and samples of the cells, as codes, and the design matrix of a contrast of the samples."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .linear_model import SampleDesign

__all__ = ["MIN_CELLS", "ContrastDesign", "Design"]

MIN_CELLS = 10
"""Cells that a condition needs, and a sample to count as a replicate."""


@dataclass(frozen=True)
class Design:
    """Conditions and samples of the cells; a sample is a pair of condition and `sample_key` label."""

    groupby: str
    conditions: tuple[object, ...]
    """Reference first, then the groups."""
    condition_codes: np.ndarray
    """Condition number of every cell, -1 for cells that take no part."""
    sample_key: str | None
    samples: tuple[str, ...]
    """Names of the samples, in the order of their conditions; without `sample_key` one per condition."""
    sample_codes: np.ndarray
    """Sample number of every cell, -1 for cells that take no part."""
    sample_conditions: np.ndarray
    """Condition number of every sample."""
    usable: np.ndarray
    """Whether a sample counts as a replicate."""

    @property
    def reference(self) -> object:
        """The condition that the groups are compared with."""
        return self.conditions[0]

    @property
    def groups(self) -> tuple[object, ...]:
        """Each is compared with the reference."""
        return self.conditions[1:]

    @property
    def cells(self) -> np.ndarray:
        """Whether a cell takes part."""
        return self.condition_codes >= 0

    def members(self, condition: int, *, usable: bool = False) -> np.ndarray:
        """Numbers of the samples of a condition; with `usable`, of those that count as replicates."""
        own = self.sample_conditions == condition
        return np.flatnonzero(own & self.usable) if usable else np.flatnonzero(own)

    def condition_sizes(self) -> np.ndarray:
        """Cells per condition."""
        return np.bincount(self.condition_codes[self.cells], minlength=len(self.conditions))

    def sample_sizes(self) -> np.ndarray:
        """Cells per sample."""
        return np.bincount(self.sample_codes[self.cells], minlength=len(self.samples))


@dataclass(frozen=True)
class ContrastDesign:
    """Samples of a contrast and their design matrix."""

    members: np.ndarray
    """Numbers of the samples that count as replicates."""
    matrix: SampleDesign
    left_out: tuple[str, ...] = ()
    """Covariates that are constant in this contrast."""
    unpaired: tuple[str, ...] = ()
    """Samples without a partner; where there are any, donors of a paired test have intercepts at random."""

    def notes(self) -> dict[str, Any]:
        """What the run of the contrast says about it."""
        found = {"covariates_left_out": list(self.left_out), "unpaired": list(self.unpaired)}
        return {name: value for name, value in found.items() if value}
