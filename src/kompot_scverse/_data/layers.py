"""Cells × genes results as lazy dask arrays, built from the basis and the weights."""

from typing import TYPE_CHECKING

import numpy as np

from kompot_scverse._gp.lazy import as_dask
from kompot_scverse._stats.sample_covariance import factor_variance

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["lazy_average", "lazy_product", "lazy_std"]

CELLS = 8192
GENES = 512
"""Size of a chunk: small enough in genes that reading one gene costs little."""


def _chunks(phi: np.ndarray, weights: "np.ndarray | da.Array") -> tuple["da.Array", "da.Array"]:
    of_genes = (GENES, *weights.shape[1:])
    right = as_dask(weights, of_genes) if isinstance(weights, np.ndarray) else weights.rechunk(of_genes)
    return as_dask(phi, (CELLS, phi.shape[1])), right


def lazy_product(phi: np.ndarray, weights: np.ndarray) -> "da.Array":
    """
    ΦWᵀ, cells × genes, float32, computed when read.

    Parameters
    ----------
    phi
        Cells × rank, float32.
    weights
        Genes × rank, float32.
    """
    import dask.array as da

    left, right = _chunks(phi, weights)
    return da.blockwise(_product, "cg", left, "cr", right, "gr", concatenate=True, dtype=np.float32)


def lazy_std(phi: np.ndarray, factor: "np.ndarray | da.Array", variance: np.ndarray) -> "da.Array":
    """
    Standard deviation with replicate variance, cells × genes, float32, computed when read.

    Parameters
    ----------
    phi
        Cells × rank, float32.
    factor
        Genes × rank × replicates, float32, in memory or lazy.
    variance
        Posterior variance of each cell.
    """
    import dask.array as da

    left, right = _chunks(phi, factor)
    base = as_dask(variance.astype(np.float32), (CELLS,))
    return da.blockwise(_std, "cg", left, "cr", right, "grk", base, "c", concatenate=True, dtype=np.float32)


def lazy_average(weights: np.ndarray, values: np.ndarray) -> "da.Array":
    """
    Averages of neighbourhood statistics, weighted for each cell, cells × genes, float32, computed when read.

    Parameters
    ----------
    weights
        Cells × neighbourhoods, float32.
    values
        Genes × neighbourhoods, float32; NaN where not tested, which is left out of the average.
    """
    import dask.array as da

    left, right = _chunks(weights, values)
    return da.blockwise(_average, "cg", left, "cr", right, "gr", concatenate=True, dtype=np.float32)


def _average(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    tested = np.isfinite(values)
    share = weights @ tested.T.astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(share > 0, (weights @ np.where(tested, values, 0).T) / share, np.float32(np.nan))


def _product(phi: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return phi @ weights.T


def _std(phi: np.ndarray, factor: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return np.sqrt(variance[:, None] + factor_variance(phi, factor))
