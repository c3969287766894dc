"""Conditions and samples of the cells, as codes, and the design matrix of a contrast of the samples."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .effect import Effect
from .linear_model import SampleDesign

ALL = "all"
"""Stands for the cells of all samples, where a formula takes the place of conditions."""

MIN_CELLS = 10
"""Cells that a condition needs, and a sample to count as a replicate."""


@dataclass(frozen=True)
class FormulaRows:
    """A formula evaluated on the samples, and what is tested of it."""

    coefficients: tuple[str, ...]
    matrix: np.ndarray
    """Samples × coefficients."""
    effects: tuple[Effect, ...]
    blocks: np.ndarray | None = None
    """Number of the block of each sample, whose samples are alike."""

    @property
    def directed(self) -> list[Effect]:
        """Effects of one contrast, which have a direction."""
        return [effect for effect in self.effects if not effect.omnibus]


@dataclass(frozen=True)
class Design:
    """Conditions and samples of the cells; a sample is a pair of condition and `sample_key` label.

    With a formula there is one condition, which has all cells, and the effects take the place of the groups.
    """

    groupby: str
    """Obs column of the conditions, or the formula."""
    conditions: tuple[object, ...]
    """Reference first, then the groups; with a formula `ALL`, then the keys of the effects."""
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
    formula: FormulaRows | None = None

    @property
    def reference(self) -> object:
        """The condition that the groups are compared with; None with a formula."""
        return self.conditions[0] if self.formula is None else None

    @property
    def groups(self) -> tuple[object, ...]:
        """Groups that are compared with the reference; with a formula the keys of the effects."""
        return self.conditions[1:]

    @property
    def smoothed(self) -> tuple[object, ...]:
        """Conditions whose expression is smoothed by itself; none with a formula."""
        return self.conditions if self.formula is None else ()

    def effect(self, number: int) -> Effect | None:
        """The effect in the place of group `number` (1 for the first); None without a formula."""
        return None if self.formula is None else self.formula.effects[number - 1]

    def title(self, number: int) -> str:
        """Name of the comparison of group `number`, for messages."""
        effect = self.effect(number)
        return f"{self.conditions[0]} to {self.conditions[number]}" if effect is None else effect.name

    def sides(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Cells of the reference and of group `number`; with a formula all cells, twice."""
        if self.formula is not None:
            return self.cells, self.cells
        return self.condition_codes == 0, self.condition_codes == number

    def compared(self, number: int) -> np.ndarray:
        """Cells of the reference and of the group together."""
        first, second = self.sides(number)
        return first | second

    @property
    def cells(self) -> np.ndarray:
        """Whether a cell takes part."""
        return self.condition_codes >= 0

    def members(self, condition: int, *, usable: bool = False) -> np.ndarray:
        """Numbers of the samples of a condition; with `usable`, of those that count as replicates."""
        own = self.sample_conditions == condition
        return np.flatnonzero(own & self.usable) if usable else np.flatnonzero(own)

    def described(self) -> str:
        """Conditions with their cells and samples, as in a message; with a formula all cells."""
        # with a formula there is one condition, and the effects are named where they are reported
        texts = []
        for number, condition in enumerate(self.smoothed or self.conditions[:1]):
            samples = "" if self.sample_key is None else f", {len(self.members(number, usable=True))} samples"
            texts.append(f"{condition} ({self.condition_sizes()[number]:,} cells{samples})")
        return ", ".join(texts)

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
    """Samples without a partner; where there are any, donors of a paired test are random intercepts."""

    def notes(self) -> dict[str, Any]:
        """What the run of the contrast says about it."""
        found = {"covariates_left_out": list(self.left_out), "unpaired": list(self.unpaired)}
        return {name: value for name, value in found.items() if value}
