"""What the samples' likelihood says about the contrast of their conditions, the samples' own fields integrated out."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh

from .multinomial import Fields, State

__all__ = ["Expansion", "Information", "expand", "information"]

SHARED = 1e-6
"""Prior precision of the field that all samples of a condition share."""


@dataclass(frozen=True)
class Information:
    """Expected information of the cells of both conditions, levels free."""

    matrices: tuple[np.ndarray, np.ndarray]
    """Of all cells of a condition: rank × rank."""
    members: tuple[np.ndarray, np.ndarray]
    """Numbers of its samples."""
    shares: tuple[np.ndarray, np.ndarray]
    """Their shares of its cells."""

    def typical(self, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Information about the field of one sample against the others of its condition, and the linear terms.

        It is taken to be the same for all of them, which decides only on how the amplitudes of blocks relate.

        Parameters
        ----------
        score
            Gradient by the field of each sample where the samples do not differ.
        """
        matrix = np.zeros_like(self.matrices[0])
        columns = []
        for own, members, share in zip(self.matrices, self.members, self.shares, strict=True):
            values, vectors = np.linalg.eigh(np.diag(share) - np.outer(share, share))
            between = values > 1e-12
            mean = values[between].mean() if between.any() else 0.0
            matrix += own * mean / 2
            # in units in which all have the mean information
            columns.append(score[members].T @ vectors[:, between] * np.sqrt(mean / values[between]))
        return matrix, np.hstack(columns)


def information(phi: np.ndarray, probability: np.ndarray, counts: np.ndarray, late: np.ndarray) -> Information:
    """
    Information about the fields of the samples where samples of a condition do not differ.

    Parameters
    ----------
    phi
        Features: cells × rank.
    probability
        Probability of each cell to be of the second condition.
    counts
        Cells of each sample.
    late
        Whether each sample is of the second condition.
    """
    matrices = []
    for weight in (1 - probability, probability):
        centred = (phi - weight @ phi / weight.sum()) * np.sqrt(weight)[:, None]
        matrices.append(centred.T @ centred)
    members = (np.flatnonzero(~late), np.flatnonzero(late))
    first, second = (counts[m] / counts[m].sum() for m in members)
    return Information((matrices[0], matrices[1]), members, (first, second))


@dataclass(frozen=True)
class Expansion:
    """The likelihood around a state as a function of the contrast."""

    information: np.ndarray
    """M: rank × rank."""
    linear: np.ndarray
    """Its linear term."""
    log_evidence: float
    """Of the samples' prior variance, whatever the fields of the conditions are."""
    known: Information
    roots: tuple[np.ndarray, np.ndarray]
    """Q of each condition, rank × rank, in which (D⁻¹ + E_s)⁻¹ is Q diag(1 / (1 + share · values)) Qᵀ."""
    values: tuple[np.ndarray, np.ndarray]
    targets: np.ndarray
    """Linear term of the field of each sample: samples × rank."""
    factor: np.ndarray
    second: np.ndarray
    total: np.ndarray
    """Cholesky factor of the information of both conditions, that of the second, and the sum of the linear terms."""

    def mode(self, delta: np.ndarray) -> Fields:
        """The samples' fields that are most likely with a contrast."""
        field = cho_solve((self.factor, True), self.total - self.second @ delta)
        own = np.empty_like(self.targets)
        parts = zip(
            self.known.matrices, self.known.members, self.known.shares, self.roots, self.values,
            (field, field + delta), strict=True,
        )  # fmt: skip
        for matrix, members, share, root, values, mean in parts:
            rest = self.targets[members] - share[:, None] * (matrix @ mean)
            own[members] = (rest @ root / (1 + share[:, None] * values)) @ root.T
        return Fields(delta, own)


def expand(known: Information, variances: np.ndarray, now: State) -> Expansion:
    r"""
    Integrate the samples' fields out of the expansion of the likelihood around a state.

    With the information :math:`E_s` about the field of a sample, the prior variances D of its deviation from the condition, and
    :math:`D^{1/2} E_c D^{1/2} = Q \Lambda Q^\top`, all samples of a condition are diagonal in the same coordinates.

    Parameters
    ----------
    known
        Information of the conditions.
    variances
        Prior variances D of the weights of the samples' fields.
    now
        The state.
    """
    deviation = np.sqrt(variances)
    log_evidence, parts, roots, spectra = 0.0, [], [], []
    targets = np.empty_like(now.score)
    for matrix, members, share in zip(known.matrices, known.members, known.shares, strict=True):
        values, vectors = eigh(matrix * np.outer(deviation, deviation), check_finite=False)
        values, root = np.maximum(values, 0.0), deviation[:, None] * vectors
        shrunk = 1 + share[:, None] * values
        target = share[:, None] * (now.of_samples[members] @ matrix) + now.score[members]
        inner = target @ root
        crossed = matrix @ root
        weights = share[:, None] / shrunk
        own = matrix - (crossed * (share[:, None] * weights).sum(axis=0)) @ crossed.T
        linear = target.sum(axis=0) - crossed @ (weights * inner).sum(axis=0)
        own[np.diag_indices_from(own)] += SHARED
        factor = cho_factor(own, lower=True, check_finite=False)
        log_evidence += 0.5 * float(np.sum(inner**2 / shrunk - np.log(shrunk)))
        log_evidence += 0.5 * float(linear @ cho_solve(factor, linear)) - float(np.log(np.diag(factor[0])).sum())
        parts.append((own, linear))
        targets[members] = target
        roots.append(root)
        spectra.append(values)
    (first, first_linear), (second, second_linear) = parts
    factor = cho_factor(first + second, lower=True, check_finite=False)
    total = first_linear + second_linear
    reduced = second - second @ cho_solve(factor, second)
    return Expansion(
        information=(reduced + reduced.T) / 2,
        linear=second_linear - second @ cho_solve(factor, total),
        log_evidence=log_evidence,
        known=known,
        roots=(roots[0], roots[1]),
        values=(spectra[0], spectra[1]),
        targets=targets,
        factor=factor[0],
        second=second,
        total=total,
    )
