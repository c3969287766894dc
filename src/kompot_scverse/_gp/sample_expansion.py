"""What the samples' likelihood says about the effects of their design, the samples' own fields integrated out."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, eigh, solve_triangular

from .multinomial import Fields, State

SHARED = 1e-6
"""Prior precision of the field that all samples share, and of the effects where their evidence is not asked for."""


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
    """D½Q of each sample, of the weights that have a prior variance: rank × these."""
    values: list[np.ndarray]
    """Λ of each sample."""
    crossed: list[np.ndarray]
    """E D½Q of each sample."""

    @classmethod
    def of(cls, matrices: list[np.ndarray], variances: np.ndarray) -> "Information":
        """From the information of each sample and the prior variances of the weights."""
        on = np.flatnonzero(variances)
        deviation = np.sqrt(variances[on])
        roots, spectra, crossed = [], [], []
        for matrix in matrices:
            own = matrix[np.ix_(on, on)] * np.outer(deviation, deviation)
            values, vectors = eigh(own, overwrite_a=True, check_finite=False, driver="evd")
            root = np.zeros((len(matrix), len(on)))
            root[on] = deviation[:, None] * vectors
            roots.append(root)
            spectra.append(np.maximum(values, 0.0))
            crossed.append(matrix[:, on] @ root[on])
        return cls(matrices, roots, spectra, crossed)


def typical(
    matrix: np.ndarray, score: np.ndarray, counts: np.ndarray, design: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    r"""
    Information about the field of one sample against the others of its kind where they do not differ, and the linear terms.

    It is taken to be the same for all of them, which decides only on how the amplitudes of blocks relate. With shares p of
    the cells, the scores of the samples have the covariance :math:`P = \mathrm{diag}(p) - p p^\top` times the information of
    all cells; what constants and effects W explain is projected out.

    Parameters
    ----------
    matrix
        Information of all cells: rank × rank.
    score
        Gradient by the field of each sample: samples × rank.
    counts
        Cells of each sample.
    design
        Samples × effects.
    """
    share = counts / counts.sum()
    between = np.diag(share) - np.outer(share, share)
    weighted = between @ np.column_stack([np.ones(len(design)), design])
    explained = weighted @ np.linalg.pinv(np.column_stack([np.ones(len(design)), design]).T @ weighted, hermitian=True)
    left = between - explained @ weighted.T
    values, vectors = np.linalg.eigh((left + left.T) / 2)
    known = values > 1e-10
    mean = values[known].mean() if known.any() else 0.0
    # in units in which all have the mean information
    return matrix * mean, score.T @ vectors[:, known] * np.sqrt(mean / values[known])


@dataclass(frozen=True)
class Curvature:
    """Second derivatives by the effects and by the field that all samples share, the samples' own fields integrated out."""

    known: Information
    scale: float
    """What the prior variances of the samples are multiplied by."""
    design: np.ndarray
    """Samples × effects."""
    factor: np.ndarray
    """Cholesky factor L of the information about the shared field: rank × rank."""
    half: np.ndarray
    """L⁻¹ times the information that shared field and effects have in common: rank × (effects · rank)."""
    effects: np.ndarray
    """Information about the effects: (effects · rank) squared."""

    def at(self, now: State) -> "Expansion":
        """The expansion around a state."""
        rank = now.score.shape[1]
        linear, targets = np.zeros((1 + self.design.shape[1], rank)), np.empty_like(now.score)
        log_evidence = 0.0
        known = self.known
        of_samples = zip(known.matrices, known.roots, known.values, known.crossed, strict=True)
        for number, (matrix, root, values, crossed) in enumerate(of_samples):
            target = now.of_samples[number] @ matrix + now.score[number]
            shrunk = 1 + self.scale * values
            inner = target @ root
            of_sample = target - crossed @ (self.scale / shrunk * inner)
            linear += np.outer(np.append(1.0, self.design[number]), of_sample)
            log_evidence += 0.5 * float(np.sum(self.scale * inner**2 / shrunk - np.log(shrunk)))
            targets[number] = target
        of_field = solve_triangular(self.factor, linear[0], lower=True, check_finite=False)
        return Expansion(self, linear[1:].ravel() - self.half.T @ of_field, of_field, targets, log_evidence)


@dataclass(frozen=True)
class Expansion:
    """The likelihood around a state as a function of the effects."""

    curvature: Curvature
    linear: np.ndarray
    """Linear term of the effects: effects · rank."""
    of_field: np.ndarray
    """L⁻¹ times that of the shared field: rank."""
    targets: np.ndarray
    """Those of the samples: samples × rank."""
    of_samples: float
    """Evidence of the samples' fields, shared field and effects being given."""

    def log_evidence(self) -> float:
        """Of the prior variance of the samples' fields, whatever shared field and effects are."""
        factor = cholesky(self.curvature.effects, lower=True, check_finite=False)
        half = np.append(self.of_field, solve_triangular(factor, self.linear, lower=True, check_finite=False))
        roots = np.append(np.diag(self.curvature.factor), np.diag(factor))
        return self.of_samples + 0.5 * float(half @ half) - float(np.log(roots).sum())

    def mode(self, delta: np.ndarray) -> Fields:
        """The samples' fields that are most likely with some effects (effects · rank)."""
        rank = self.targets.shape[1]
        effects = delta.reshape(-1, rank)
        rest = self.of_field - self.curvature.half @ delta
        field = solve_triangular(self.curvature.factor, rest, lower=True, trans=1, check_finite=False)
        own, known, scale = np.empty_like(self.targets), self.curvature.known, self.curvature.scale
        means = field + self.curvature.design @ effects
        for number, (matrix, root, values) in enumerate(zip(known.matrices, known.roots, known.values, strict=True)):
            rest = (self.targets[number] - matrix @ means[number]) @ root
            own[number] = root @ (scale * rest / (1 + scale * values))
        return Fields(effects, own)


def integrate(known: Information, scale: float, design: np.ndarray) -> Curvature:
    r"""
    Integrate the samples' fields out: of the information :math:`E_s` about a sample, :math:`(E_s^{-1} + D)^{-1}` is about its mean.

    Parameters
    ----------
    known
        Information of the samples.
    scale
        What their prior variances are multiplied by.
    design
        Samples × effects.
    """
    rank, n_effects = len(known.matrices[0]), design.shape[1]
    rows, codes = np.unique(np.column_stack([np.ones(len(design)), design]), axis=0, return_inverse=True)
    matrix = np.zeros((1 + n_effects, rank, 1 + n_effects, rank))
    for code, row in enumerate(rows):
        left = np.zeros((rank, rank))
        for number in np.flatnonzero(codes == code):
            taken = known.crossed[number] * np.sqrt(scale / (1 + scale * known.values[number]))
            left += known.matrices[number] - taken @ taken.T
        for i, j in zip(*np.nonzero(np.outer(row, row)), strict=True):
            matrix[i, :, j] += row[i] * row[j] * left
    total = matrix.reshape((1 + n_effects) * rank, -1)
    total[np.diag_indices_from(total)] += SHARED
    factor = cholesky(total[:rank, :rank], lower=True, check_finite=False)
    half = solve_triangular(factor, total[:rank, rank:], lower=True, check_finite=False)
    return Curvature(known, scale, design, factor, half, total[rank:, rank:] - half.T @ half)
