"""Mahalanobis distance of a fold change from zero, with and without replicate variance."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from kompot_scverse._gp.parallel import compute_here
from kompot_scverse._gp.posterior import Posterior, spectrum

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["distances_from", "mahalanobis"]

ROUNDING = 16 * np.finfo(np.float64).eps


def mahalanobis(reference: Posterior, group: Posterior, factor: "da.Array | np.ndarray | None" = None) -> np.ndarray:
    r"""
    :math:`D_g = \sqrt{\Delta_g^\top (V_1 + V_2 + U_g U_g^\top)^{-1} \Delta_g}` for every gene.

    It equals the distance of the fold change from zero on any set of cells that determines the function (Otto et al.
    2025, Kompot), since both live in the span of the basis. Where all genes share one noise, one Cholesky factor of
    :math:`V_1 + V_2` serves them all; else one eigendecomposition does, by
    :math:`(V_1 + V_2)^{-1} = V_2^{-1} (V_1^{-1} + V_2^{-1})^{-1} V_1^{-1}`, where
    :math:`V_1^{-1} + V_2^{-1} = 2 I + (G_1 + G_2)/\sigma^2`. The low-rank part is added by Woodbury's identity.

    Parameters
    ----------
    reference, group
        Posteriors of the two conditions; they share σ (a number, or one per gene).
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
    import dask

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
    return _shared_form(reference, group) if np.ndim(reference.sigma) == 0 else _gene_form(reference, group)


def _shared_form(reference: Posterior, group: Posterior) -> Form:
    """One noise for all genes."""
    root = cholesky(reference.covariance() + group.covariance(), lower=True)
    whiten = solve_triangular(root, np.eye(len(root)), lower=True).T

    def halves(u: np.ndarray, _: slice) -> tuple[np.ndarray, np.ndarray]:
        white = u @ whiten
        return white, white

    return halves


def _gene_form(reference: Posterior, group: Posterior) -> Form:
    """A noise for each gene."""
    values, vectors = spectrum(reference.gram + group.gram)
    to_left, to_right = group.gram @ vectors, reference.gram @ vectors
    noise = np.square(np.asarray(reference.sigma, dtype=np.float64))[:, None, None]

    def halves(u: np.ndarray, genes: slice) -> tuple[np.ndarray, np.ndarray]:
        own = noise[genes]
        rotated = u @ vectors
        left = rotated + (u @ to_left) / own
        right = rotated + (u @ to_right) / own
        return left, right / (2 + values / own)

    return halves
