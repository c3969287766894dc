"""Mahalanobis distance of a fold change from zero, with and without replicate variance."""

from collections.abc import Callable

import dask
import dask.array as da
import numpy as np
from scipy.linalg import cholesky, solve_triangular

from kompot_scverse._gp.parallel import compute_here
from kompot_scverse._gp.posterior import Posterior

ROUNDING = 16 * np.finfo(np.float64).eps


def mahalanobis(reference: Posterior, group: Posterior, factor: da.Array | np.ndarray | None = None) -> np.ndarray:
    r"""
    :math:`D_g = \sqrt{\Delta_g^\top (V_1 + V_2 + U_g U_g^\top)^{-1} \Delta_g}` for every gene.

    It equals the distance of the fold change from zero on any set of cells that determines the function (Otto et al.
    2025, Kompot), since both live in the span of the basis. One Cholesky factor of :math:`V_1 + V_2` serves all genes; the
    low-rank part is added by Woodbury's identity.

    Parameters
    ----------
    reference, group
        Posteriors of the two conditions; they share σ.
    factor
        U: genes × rank × columns, so that UUᵀ is the variance between replicates; None for none. A dask array is
        computed chunk by chunk.

    Returns
    -------
    Distance of each gene, dimensionless.
    """
    if factor is None:
        delta = group.weights - reference.weights
        left, right = _form(reference, group)(delta[:, None], slice(None))
        return np.sqrt(np.maximum(np.einsum("gir,gir->g", left, right), 0.0))
    distances = distances_from(reference, group)
    if isinstance(factor, np.ndarray):
        return distances(factor, slice(None))
    chunked = factor.rechunk({1: -1, 2: -1})
    edges = np.cumsum([0, *chunked.chunks[0]])
    task = dask.delayed(distances, pure=False)
    parts = [
        task(block, slice(start, stop))
        for start, stop, block in zip(edges[:-1], edges[1:], chunked.to_delayed().ravel(), strict=True)
    ]
    return np.concatenate(compute_here(*parts))


def distances_from(reference: Posterior, group: Posterior) -> Callable[[np.ndarray, slice], np.ndarray]:
    """A function that gives the distances of a slice of the genes from their factor: genes × rank × columns."""
    form, delta = _form(reference, group), group.weights - reference.weights

    def distances(factor: np.ndarray, genes: slice) -> np.ndarray:
        # Woodbury's identity, from the form of Δ and the columns of U
        stack = np.concatenate([delta[genes, None], factor.transpose(0, 2, 1)], axis=1)
        left, right = form(stack, genes)
        gram = left @ right.transpose(0, 2, 1)
        # symmetric but for rounding
        gram = (gram + gram.transpose(0, 2, 1)) / 2
        # next to rounding errors of the rest, as with hardly any noise, 1 would be lost
        ridge = 1 + ROUNDING * np.einsum("gkk->g", gram[:, 1:, 1:])
        inner = ridge[:, None, None] * np.eye(factor.shape[2]) + gram[:, 1:, 1:]
        explained = np.linalg.solve(inner, gram[:, 1:, :1])[:, :, 0]
        squared = gram[:, 0, 0] - np.einsum("gk,gk->g", gram[:, 0, 1:], explained)
        return np.sqrt(np.maximum(squared, 0.0))

    return distances


type Form = Callable[[np.ndarray, slice], tuple[np.ndarray, np.ndarray]]
"""From vectors u, genes × vectors × rank, of a slice of the genes: A and B with uᵢᵀ(V₁ + V₂)⁻¹uⱼ = AᵢᵀBⱼ."""


def _form(reference: Posterior, group: Posterior) -> Form:
    """Quadratic form with the covariance of both conditions."""
    root = cholesky(reference.covariance() + group.covariance(), lower=True)
    whiten = solve_triangular(root, np.eye(len(root)), lower=True).T

    def halves(u: np.ndarray, _: slice) -> tuple[np.ndarray, np.ndarray]:
        white = u @ whiten
        return white, white

    return halves
