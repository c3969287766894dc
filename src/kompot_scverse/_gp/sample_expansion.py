"""What the samples' likelihood says about the contrast of their conditions, the samples' own fields integrated out."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh

from .multinomial import Fields, State

__all__ = ["Curvature", "Expansion", "Information", "integrate", "typical"]

SHARED = 1e-6
"""Prior precision of the field that all samples of a condition share."""


@dataclass(frozen=True)
class Information:
    r"""
    Expected information about the field of every sample, in the coordinates of its prior.

    With the information :math:`E_s` and prior variances D, :math:`D^{1/2} E_s D^{1/2} = Q \Lambda Q^\top`; a multiple of D has the
    same Q.
    """

    matrices: list[np.ndarray]
    """E of each sample: rank × rank."""
    roots: list[np.ndarray]
    """D½Q of each sample: rank × rank."""
    values: list[np.ndarray]
    """Λ of each sample: rank."""

    @classmethod
    def of(cls, matrices: list[np.ndarray], variances: np.ndarray) -> "Information":
        """From the information of each sample and the prior variances of the weights."""
        deviation = np.sqrt(variances)
        roots, spectra = [], []
        for matrix in matrices:
            values, vectors = eigh(matrix * np.outer(deviation, deviation), check_finite=False)
            roots.append(deviation[:, None] * vectors)
            spectra.append(np.maximum(values, 0.0))
        return cls(matrices, roots, spectra)


def typical(
    matrices: tuple[np.ndarray, np.ndarray], score: np.ndarray, counts: np.ndarray, late: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    Information about the field of one sample against the others of its condition where they do not differ, and the linear terms.

    It is taken to be the same for all of them, which decides only on how the amplitudes of blocks relate.

    Parameters
    ----------
    matrices
        Information of all cells of a condition, for both: rank × rank.
    score
        Gradient by the field of each sample: samples × rank.
    counts
        Cells of each sample.
    late
        Whether each sample is of the second condition.
    """
    matrix = np.zeros_like(matrices[0])
    columns = []
    for own, members in zip(matrices, (~late, late), strict=True):
        share = counts[members] / counts[members].sum()
        values, vectors = np.linalg.eigh(np.diag(share) - np.outer(share, share))
        between = values > 1e-12
        mean = values[between].mean() if between.any() else 0.0
        matrix += own * mean / 2
        # in units in which all have the mean information
        columns.append(score[members].T @ vectors[:, between] * np.sqrt(mean / values[between]))
    return matrix, np.hstack(columns)


@dataclass(frozen=True)
class Curvature:
    """Second derivatives by the fields of contrast and conditions, the samples' own fields integrated out."""

    known: Information
    scale: float
    """What the prior variances of the samples are multiplied by."""
    late: np.ndarray
    """Whether each sample is of the second condition."""
    conditions: np.ndarray
    """Information about the field of each condition: 2 × rank × rank."""
    factor: np.ndarray
    """Cholesky factor of the information about both together."""
    contrast: np.ndarray
    """Information about the contrast: rank × rank."""

    def at(self, now: State) -> "Expansion":
        """The expansion around a state."""
        linear, targets = np.zeros((2, len(self.factor))), np.empty_like(now.score)
        log_evidence = 0.0
        known = zip(self.known.matrices, self.known.roots, self.known.values, strict=True)
        for number, (matrix, root, values) in enumerate(known):
            target = now.of_samples[number] @ matrix + now.score[number]
            shrunk = 1 + self.scale * values
            inner = target @ root
            linear[int(self.late[number])] += target - matrix @ (root @ (self.scale / shrunk * inner))
            log_evidence += 0.5 * float(np.sum(self.scale * inner**2 / shrunk - np.log(shrunk)))
            targets[number] = target
        total = linear.sum(axis=0)
        of_contrast = linear[1] - self.conditions[1] @ cho_solve((self.factor, True), total)
        return Expansion(self, of_contrast, linear, targets, log_evidence)


@dataclass(frozen=True)
class Expansion:
    """The likelihood around a state as a function of the contrast."""

    curvature: Curvature
    linear: np.ndarray
    """Linear term of the contrast: rank."""
    of_conditions: np.ndarray
    """Those of the conditions: 2 × rank."""
    targets: np.ndarray
    """Those of the samples: samples × rank."""
    of_samples: float
    """Evidence of the samples' fields, those of their conditions being given."""

    def log_evidence(self) -> float:
        """Of the prior variance of the samples' fields, whatever the fields of the conditions are."""
        total = self.of_samples
        for matrix, linear in zip(self.curvature.conditions, self.of_conditions, strict=True):
            factor = cho_factor(matrix, lower=True, check_finite=False)
            total += 0.5 * float(linear @ cho_solve(factor, linear)) - float(np.log(np.diag(factor[0])).sum())
        return total

    def mode(self, delta: np.ndarray) -> Fields:
        """The samples' fields that are most likely with a contrast."""
        with_contrast = self.of_conditions.sum(axis=0) - self.curvature.conditions[1] @ delta
        field = cho_solve((self.curvature.factor, True), with_contrast)
        own, known, scale = np.empty_like(self.targets), self.curvature.known, self.curvature.scale
        for number, (matrix, root, values) in enumerate(zip(known.matrices, known.roots, known.values, strict=True)):
            mean = field + delta if self.curvature.late[number] else field
            rest = (self.targets[number] - matrix @ mean) @ root
            own[number] = root @ (scale * rest / (1 + scale * values))
        return Fields(delta, own)


def integrate(known: Information, scale: float, late: np.ndarray) -> Curvature:
    r"""
    Integrate the samples' fields out: of the information :math:`E_s` about a sample, :math:`(E_s^{-1} + D)^{-1}` is about its condition.

    Parameters
    ----------
    known
        Information of the samples.
    scale
        What their prior variances are multiplied by.
    late
        Whether each sample is of the second condition.
    """
    rank = len(known.matrices[0])
    conditions = np.stack([SHARED * np.eye(rank)] * 2)
    for number, (matrix, root, values) in enumerate(zip(known.matrices, known.roots, known.values, strict=True)):
        crossed = matrix @ root
        conditions[int(late[number])] += matrix - (crossed * (scale / (1 + scale * values))) @ crossed.T
    factor = cho_factor(conditions.sum(axis=0), lower=True, check_finite=False)
    contrast = conditions[1] - conditions[1] @ cho_solve(factor, conditions[1])
    return Curvature(known, scale, late, conditions, factor[0], (contrast + contrast.T) / 2)
