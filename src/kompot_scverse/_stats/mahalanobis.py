"""Mahalanobis distance of a fold change from zero, with and without replicate variance."""

from typing import TYPE_CHECKING

import numpy as np

from kompot_scverse._gp.posterior import Posterior, spectrum

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["mahalanobis"]


def mahalanobis(reference: Posterior, group: Posterior, factor: "da.Array | np.ndarray | None" = None) -> np.ndarray:
    r"""
    :math:`D_g = \sqrt{\Delta_g^\top (V_1 + V_2 + U_g U_g^\top)^{-1} \Delta_g}` for every gene.

    It equals the distance of the fold change from zero on any set of cells that determines the function (Otto et al.
    2025, Kompot), since both live in the span of the basis. The inverse of :math:`V_1 + V_2` comes from one
    eigendecomposition, whatever the noise of each gene, by
    :math:`(V_1 + V_2)^{-1} = V_2^{-1} (V_1^{-1} + V_2^{-1})^{-1} V_1^{-1}`, where
    :math:`V_1^{-1} + V_2^{-1} = 2 I + (G_1 + G_2)/\sigma^2`; the low-rank part is added by Woodbury's identity.

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
    bilinear = _Bilinear(reference, group)
    delta = group.weights - reference.weights
    sigma = np.broadcast_to(reference.sigma, len(delta)).astype(np.float64)
    if factor is None:
        left, right = bilinear.halves(delta, sigma)
        squared = np.einsum("gr,gr->g", left, right)
    elif isinstance(factor, np.ndarray):
        squared = _with_factor(bilinear, delta, sigma, factor)
    else:
        squared = _chunkwise(bilinear, delta, sigma, factor)
    return np.sqrt(np.maximum(squared, 0.0))


class _Bilinear:
    r"""The form :math:`(u, v) \mapsto u^\top (V_1 + V_2)^{-1} v` for every gene."""

    def __init__(self, reference: Posterior, group: Posterior) -> None:
        self.values, self.vectors = spectrum(reference.gram + group.gram)
        self.to_left = group.gram @ self.vectors
        self.to_right = reference.gram @ self.vectors

    def halves(self, u: np.ndarray, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r"""A and B with :math:`u_i^\top (V_1 + V_2)^{-1} u_j = A_i^\top B_j`, for `u` of … × genes × rank."""
        noise = (sigma**2)[:, None]
        rotated = u @ self.vectors
        left = rotated + (u @ self.to_left) / noise
        right = rotated + (u @ self.to_right) / noise
        return left, right / (2 + self.values / noise)


def _with_factor(bilinear: _Bilinear, delta: np.ndarray, sigma: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Squared distances by Woodbury's identity, from the form of Δ and the columns of U."""
    stack = np.concatenate([delta[None], np.moveaxis(factor, 2, 0)])
    left, right = bilinear.halves(stack, sigma)
    gram = np.matmul(left.transpose(1, 0, 2), right.transpose(1, 2, 0))
    # symmetric but for rounding
    gram = (gram + gram.transpose(0, 2, 1)) / 2
    inner = np.eye(factor.shape[2]) + gram[:, 1:, 1:]
    explained = np.linalg.solve(inner, gram[:, 1:, :1])[:, :, 0]
    return gram[:, 0, 0] - np.einsum("gk,gk->g", gram[:, 0, 1:], explained)


def _chunkwise(bilinear: _Bilinear, delta: np.ndarray, sigma: np.ndarray, factor: "da.Array") -> np.ndarray:
    """:func:`_with_factor` on every chunk of genes of a dask factor, in parallel."""
    import dask
    from threadpoolctl import threadpool_limits

    factor = factor.rechunk({1: -1, 2: -1})
    edges = np.cumsum([0, *factor.chunks[0]])
    task = dask.delayed(_with_factor, pure=False)
    parts = [
        task(bilinear, delta[start:stop], sigma[start:stop], block)
        for start, stop, block in zip(edges[:-1], edges[1:], factor.to_delayed().ravel(), strict=True)
    ]
    # the chunks are the parallel part: threads of the linear algebra inside them would compete for the cores
    with threadpool_limits(1, user_api="blas"):
        return np.concatenate(dask.compute(*parts))
