"""Variance of the smoothed expression between replicates, as a low-rank factor on dask."""

from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np

from kompot_scverse._gp.lazy import as_dask
from kompot_scverse._gp.parallel import compute_here
from kompot_scverse._gp.posterior import posterior_weights, spectrum

CHUNK = 1024
"""Genes of one chunk of the factor."""


@dataclass(frozen=True)
class SampleCovariance:
    r"""
    Covariance between replicates of the smoothed expression, gene by gene, in factored form.

    :math:`U_g = [w_{1g} - \bar w_g, \ldots, w_{kg} - \bar w_g] / \sqrt{k - 1}` from the replicates' posterior weights;
    the covariance at two cells is :math:`\Phi(x)^\top U_g U_g^\top \Phi(x')` and never formed on cells × cells.
    """

    factor: da.Array
    """Genes × rank × replicates, chunked over genes, computed when read."""
    kept: Any = None
    """The array that holds the factor, where it has been computed for good."""

    def moved_to(self, target: Any) -> "SampleCovariance":
        """The same, read from an array that holds the computed factor: numpy, or one on disk, which has `lazy()`."""
        factor = as_dask(target, self.factor.chunks) if isinstance(target, np.ndarray) else target.lazy()
        return SampleCovariance(factor, kept=target)

    def variance(self, phi: np.ndarray) -> np.ndarray:
        """Variance of every gene at the cells with features `phi`, cells × rank: cells × genes."""
        edges = np.cumsum([0, *self.factor.chunks[0]])
        chunks = [self.factor[start:stop] for start, stop in zip(edges[:-1], edges[1:], strict=True)]
        return np.hstack([factor_variance(phi, compute_here(chunk)[0]) for chunk in chunks])


def factor_variance(phi: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Diagonal of ΦᵀUUᵀΦ for `phi`, cells × rank, and `factor`, genes × rank × replicates: cells × genes."""
    total = np.zeros((len(phi), len(factor)), dtype=np.result_type(phi, factor))
    for column in range(factor.shape[2]):
        total += np.square(phi @ factor[:, :, column].T)
    return total


def sample_covariance(grams: np.ndarray, cross: np.ndarray, sigma: float, replicates: np.ndarray) -> SampleCovariance:
    """
    Covariance (ddof = 1) of the posteriors of each replicate alone.

    Parameters
    ----------
    grams
        ΦᵀΦ of the samples: samples × rank × rank.
    cross
        YᵀΦ: samples × genes × rank.
    sigma
        Noise standard deviation.
    replicates
        Numbers of k ≥ 2 samples.
    """
    n_genes, rank = cross.shape[1:]
    k = len(replicates)
    if k < 2:
        raise ValueError("The variance between replicates needs at least 2 of them.")
    spectra = [spectrum(grams[sample]) for sample in replicates]

    def block(genes: slice) -> np.ndarray:
        weights = np.empty((genes.stop - genes.start, rank, k))
        for column, (sample, eigen) in enumerate(zip(replicates, spectra, strict=True)):
            weights[:, :, column] = posterior_weights(eigen, cross[sample, genes], sigma)
        weights -= weights.mean(axis=2, keepdims=True)
        weights /= np.sqrt(k - 1)
        return weights

    chunks = []
    for start in range(0, n_genes, CHUNK):
        genes = slice(start, min(start + CHUNK, n_genes))
        shape = (genes.stop - genes.start, rank, k)
        chunks.append(da.from_delayed(dask.delayed(block, pure=False)(genes), shape=shape, dtype=np.float64))
    return SampleCovariance(da.concatenate(chunks))
