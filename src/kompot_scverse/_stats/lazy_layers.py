"""Cells × genes results that are computed when they are read, for the cells and genes that are read."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import dask
import dask.array as da
import numpy as np
from scipy.sparse import csr_array, issparse
from scipy.special import ndtr

from kompot_scverse._gp.features import CellFeatures, Features
from kompot_scverse._gp.lazy import dask_of_rows
from kompot_scverse._stats.sample_covariance import CHUNK, factor_variance

CELLS, BYTES = 8192, 2**24
"""Largest number of cells in a chunk, and its size: chunks have all genes, as `sc.get.aggregate` wants it."""

Place = tuple[Any, Any]
"""Numbers or slices of the cells and genes."""


def rows_of_chunk(n_genes: int) -> int:
    """Cells of a chunk."""
    return max(1, min(CELLS, BYTES // (4 * max(n_genes, 1))))


@dataclass(frozen=True)
class Layer:
    """A cells × genes result, float32."""

    function: Callable[..., np.ndarray]
    """Gives cells × genes from parts of what follows."""
    cells: tuple[Any, ...]
    """Arrays with a row for each cell."""
    genes: tuple[Any, ...]
    """Arrays with a row for each gene."""

    @property
    def shape(self) -> tuple[int, int]:
        """Cells × genes."""
        return self.cells[0].shape[0], self.genes[0].shape[0]

    def lazy(self) -> da.Array:
        """As a dask array. Reading some genes of it computes no others where they are a slice or one."""
        return dask_of_rows(self, rows_of_chunk(self.shape[1]))

    def rows(self, rows: slice) -> "Layer":
        """That of some cells alone."""
        cells = (one.piece(rows) if isinstance(one, CellFeatures) else one[rows] for one in self.cells)
        return replace(self, cells=tuple(cells))

    def __getitem__(self, place: Place) -> np.ndarray:
        rows, columns = place
        values = self.function(*(_dense(one[rows]) for one in self.cells), *(one[columns] for one in self.genes))
        return values.astype(np.float32, copy=False)


@dataclass(frozen=True)
class _Combined(Layer):
    """A function of two layers; `cells` are the layers."""

    def rows(self, rows: slice) -> "Layer":
        return replace(self, cells=tuple(one.rows(rows) for one in self.cells))

    @property
    def shape(self) -> tuple[int, int]:
        return self.cells[0].shape

    def __getitem__(self, place: Place) -> np.ndarray:
        return self.function(*(one[place] for one in self.cells))


def _dense(block: Any) -> np.ndarray:
    """What neighbourhoods keep sparse is dense only while a chunk is computed."""
    return block.toarray() if issparse(block) else block


def lazy_product(phi: Features, weights: np.ndarray) -> Layer:
    """
    ΦWᵀ.

    Parameters
    ----------
    phi
        Cells × rank, float32.
    weights
        Genes × rank, float32.
    """
    return Layer(_product, (phi,), (weights,))


def lazy_std(phi: Features, factor: np.ndarray | da.Array, variance: np.ndarray) -> Layer:
    """
    Standard deviation with replicate variance.

    Parameters
    ----------
    phi
        Cells × rank, float32.
    factor
        Genes × rank × replicates, float32, in memory or lazy.
    variance
        Posterior variance of each cell.
    """
    return Layer(_std, (phi, np.broadcast_to(variance.astype(np.float32), phi.shape[0])), (factor,))


def lazy_average(weights: np.ndarray | csr_array, values: np.ndarray) -> Layer:
    """
    Averages of neighbourhood statistics, weighted for each cell.

    Parameters
    ----------
    weights
        Cells × neighbourhoods, float32, dense or sparse.
    values
        Genes × neighbourhoods, float32; NaN where not tested, which is left out of the average.
    """
    return Layer(_average, (csr_array(weights) if issparse(weights) else weights,), (values,))


def lazy_mixture_std(forms: np.ndarray, loads: np.ndarray) -> Layer:
    """
    Standard deviations whose squares are combinations of a few variances.

    Parameters
    ----------
    forms
        Variances of the cells: cells × k, float32.
    loads
        Their weights in each gene: genes × k, float32.
    """
    return Layer(_mixture_std, (forms,), (loads,))


def lazy_lfsr(fold_change: Layer, std: Layer) -> Layer:
    """Local false sign rate of a fold change with a standard deviation: the posterior probability of the other sign."""
    return _Combined(_lfsr, (fold_change, std), ())


def lazy_ratio(fold_change: Layer, std: Layer) -> Layer:
    """A fold change over its standard deviation."""
    return _Combined(ratio, (fold_change, std), ())


def ratio(value: np.ndarray, std: np.ndarray) -> np.ndarray:
    """A z-score; 0 where there is neither a change nor a variance, as for a gene that is constant."""
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


def _std(phi: np.ndarray, variance: np.ndarray, factor: np.ndarray | da.Array) -> np.ndarray:
    if isinstance(factor, np.ndarray):
        return np.sqrt(variance[:, None] + factor_variance(phi, factor))
    # on disk, where it is because it is large
    parts = (factor[start : start + CHUNK] for start in range(0, factor.shape[0], CHUNK))
    return np.hstack([_std(phi, variance, cast("np.ndarray", part.compute(scheduler=dask.get))) for part in parts])
