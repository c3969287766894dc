"""Cells × genes results as lazy dask arrays, built from the basis and the weights."""

import dask.array as da
import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtr

from kompot_scverse._gp.features import Features
from kompot_scverse._gp.lazy import as_dask
from kompot_scverse._stats.sample_covariance import factor_variance

CELLS = 8192
GENES = 512
"""Size of a chunk: small enough in genes that reading one gene costs little."""


def _chunks(phi: Features | csr_array, weights: np.ndarray | da.Array) -> tuple[da.Array, da.Array]:
    of_genes = (GENES, *weights.shape[1:])
    right = as_dask(weights, of_genes) if isinstance(weights, np.ndarray) else weights.rechunk(of_genes)
    return as_dask(phi, (CELLS, phi.shape[1])), right


def lazy_product(phi: Features, weights: np.ndarray) -> da.Array:
    """
    ΦWᵀ, cells × genes, float32, computed when read.

    Parameters
    ----------
    phi
        Cells × rank, float32.
    weights
        Genes × rank, float32.
    """
    left, right = _chunks(phi, weights)
    return da.blockwise(_product, "cg", left, "cr", right, "gr", concatenate=True, dtype=np.float32)


def lazy_std(phi: Features, factor: np.ndarray | da.Array, variance: np.ndarray) -> da.Array:
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
    left, right = _chunks(phi, factor)
    base = as_dask(variance.astype(np.float32), (CELLS,))
    return da.blockwise(_std, "cg", left, "cr", right, "grk", base, "c", concatenate=True, dtype=np.float32)


def lazy_average(weights: np.ndarray | csr_array, values: np.ndarray) -> da.Array:
    """
    Averages of neighbourhood statistics, weighted for each cell, cells × genes, float32, computed when read.

    Parameters
    ----------
    weights
        Cells × neighbourhoods, float32, dense or sparse.
    values
        Genes × neighbourhoods, float32; NaN where not tested, which is left out of the average.
    """
    left, right = _chunks(weights, values)
    return da.blockwise(_average, "cg", left, "cr", right, "gr", concatenate=True, dtype=np.float32)


def lazy_mixture_std(forms: np.ndarray, loads: np.ndarray) -> da.Array:
    """
    Standard deviations whose squares are combinations of a few variances, cells × genes, float32, computed when read.

    Parameters
    ----------
    forms
        Variances of the cells: cells × k, float32.
    loads
        Their weights in each gene: genes × k, float32.
    """
    left, right = _chunks(forms, loads)
    return da.blockwise(_mixture_std, "cg", left, "cr", right, "gr", concatenate=True, dtype=np.float32)


def lazy_lfsr(fold_change: da.Array, std: da.Array) -> da.Array:
    """Local false sign rate of a fold change with a standard deviation: the posterior probability of the other sign."""
    return da.map_blocks(_lfsr, fold_change, std, dtype=np.float32)


def lazy_ratio(fold_change: da.Array, std: da.Array) -> da.Array:
    """A fold change over its standard deviation."""
    return da.map_blocks(ratio, fold_change, std, dtype=np.float32)


def ratio(value: np.ndarray, std: np.ndarray) -> np.ndarray:
    """A z-score; 0 where change and variance are both 0, as for a constant gene."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((value == 0) & (std == 0), np.zeros_like(value), value / std)


def _mixture_std(forms: np.ndarray, loads: np.ndarray) -> np.ndarray:
    return np.sqrt(forms @ loads.T)


def _lfsr(fold_change: np.ndarray, std: np.ndarray) -> np.ndarray:
    return ndtr(-np.abs(ratio(fold_change, std)))


def _average(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    tested = np.isfinite(values)
    share = weights @ tested.T.astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(share > 0, (weights @ np.where(tested, values, 0).T) / share, np.float32(np.nan))


def _product(phi: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return phi @ weights.T


def _std(phi: np.ndarray, factor: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return np.sqrt(variance[:, None] + factor_variance(phi, factor))
