"""Mahalanobis distance of a fold change from zero, with variance between replicates."""

from collections.abc import Callable

import numpy as np
from scipy.linalg import cholesky, solve_triangular

ROUNDING = 16 * np.finfo(np.float64).eps


def distances_from(covariance: np.ndarray, delta: np.ndarray) -> Callable[[np.ndarray, slice], np.ndarray]:
    r"""
    A function that gives :math:`D_g = \sqrt{\Delta_g^\top (V + U_g U_g^\top)^{-1} \Delta_g}` of a slice of the genes from their U.

    It equals the distance of the fold change from zero on any set of cells that determines the function (Otto et al.
    2025, Kompot), since both live in the span of the basis. One Cholesky factor of V serves all genes; the low-rank part,
    which is the variance between replicates, is added by Woodbury's identity.

    Parameters
    ----------
    covariance
        V: rank × rank.
    delta
        Δ: genes × rank.

    Returns
    -------
    A function of U, genes × rank × columns, and of which genes it is.
    """
    root = cholesky(covariance, lower=True)
    whiten = solve_triangular(root, np.eye(len(root)), lower=True).T

    def distances(factor: np.ndarray, genes: slice) -> np.ndarray:
        white = np.concatenate([delta[genes, None], factor.transpose(0, 2, 1)], axis=1) @ whiten
        gram = white @ white.transpose(0, 2, 1)
        # next to rounding errors of the rest, as with hardly any noise, 1 would be lost
        ridge = 1 + ROUNDING * np.einsum("gkk->g", gram[:, 1:, 1:])
        inner = ridge[:, None, None] * np.eye(factor.shape[2]) + gram[:, 1:, 1:]
        explained = np.linalg.solve(inner, gram[:, 1:, :1])[:, :, 0]
        squared = gram[:, 0, 0] - np.einsum("gk,gk->g", gram[:, 0, 1:], explained)
        return np.sqrt(np.maximum(squared, 0.0))

    return distances
