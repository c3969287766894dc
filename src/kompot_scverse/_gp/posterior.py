"""The Gaussian-process posterior in weight space, for many genes at once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

from .features import Features, blocks_of


@dataclass(frozen=True)
class Posterior:
    r"""
    Posterior of the weights :math:`w` of :math:`f(x) = \Phi(x)^\top w`.

    With the Gram matrix G, cross moments B and noise :math:`\sigma^2`,
    :math:`V = (I + G/\sigma^2)^{-1}` and :math:`W = V B / \sigma^2` (Rasmussen & Williams 2006, eq. 2.11).
    """

    weights: np.ndarray
    """Posterior mean: genes × rank."""
    gram: np.ndarray
    """G: rank × rank."""
    sigma: float
    """Noise standard deviation of all genes."""

    @cached_property
    def _eigen(self) -> tuple[np.ndarray, np.ndarray]:
        return spectrum(self.gram)

    def covariance(self) -> np.ndarray:
        """V: rank × rank."""
        values, vectors = self._eigen
        return (vectors / (1 + values / np.square(self.sigma))) @ vectors.T

    def variances(self, phi: Features) -> np.ndarray:
        r""":math:`\Phi^\top V \Phi` at every cell: 1 × cells."""
        values, vectors = self._eigen
        shrinkage = 1 / (1 + values / self.sigma**2)
        out = np.empty((1, len(phi)))
        for rows, block in blocks_of(phi):
            out[:, rows] = shrinkage @ np.square(block @ vectors).T
        return out

    def std(self, phi: Features) -> np.ndarray:
        """Posterior standard deviation at each cell."""
        return np.sqrt(self.variances(phi)[0])


def posterior(gram: np.ndarray, cross: np.ndarray, sigma: float) -> Posterior:
    """
    Posterior from the moments of the cells.

    Parameters
    ----------
    gram
        ΦᵀΦ: rank × rank.
    cross
        YᵀΦ: genes × rank.
    sigma
        Noise standard deviation, in the units of the expression.
    """
    return Posterior(posterior_weights(spectrum(gram), cross, sigma), gram, sigma)


def spectrum(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (not below 0) and eigenvectors of a Gram matrix."""
    values, vectors = eigh(gram, check_finite=False)
    return np.maximum(values, 0.0), vectors


def posterior_weights(eigen: tuple[np.ndarray, np.ndarray], cross: np.ndarray, sigma: float) -> np.ndarray:
    """W = Q (σ² + λ)⁻¹ Qᵀ B, genes × rank, with G = QλQᵀ."""
    values, vectors = eigen
    return cross @ ((vectors / (sigma**2 + values)) @ vectors.T)
