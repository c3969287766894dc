"""Posterior variances of many genes as combinations of a few covariances."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import qr
from scipy.linalg.blas import get_blas_funcs
from scipy.linalg.lapack import dpstrf
from scipy.optimize import lsq_linear, nnls

from .features import Features, blocks_of, over_features

TOLERANCE = 0.03
"""Relative error of a variance, root mean square over the cell states."""
SIZES = (2, 4, 8, 12, 16)
"""Numbers of covariances that are tried."""


@dataclass(frozen=True)
class Covariance:
    """Covariance of the weights of some axes: of the first ones, and variances of the others."""

    first: np.ndarray
    rest: np.ndarray

    @property
    def root(self) -> tuple[np.ndarray, np.ndarray]:
        r"""
        Lower triangular L, and an order of the first axes in which :math:`L L^\top` is their covariance.

        Cholesky's, with pivots, as it may be singular: axes × rank.
        """
        factor, pivots, rank, info = dpstrf(self.first, lower=1)
        assert info >= 0, info
        return np.tril(factor)[:, :rank], pivots - 1

    def dense(self, axes: np.ndarray) -> np.ndarray:
        """Covariance of the features' weights, where the axes are those of the features: features × features."""
        n = len(self.first)
        kept, others = axes[:, :n], axes[:, n:]
        return kept @ self.first @ kept.T + (others * self.rest) @ others.T


@dataclass(frozen=True)
class VarianceTable:
    r"""Variance of a function of each gene, :math:`\sum_k c_{gk} F(x)^\top V_k F(x)`."""

    axes: np.ndarray
    """Features × axes, orthonormal."""
    covariances: list[Covariance]
    """V on the axes."""
    loads: np.ndarray
    """c, not negative: genes × covariances."""

    def forms(self, features: Features, kind: Any = None) -> np.ndarray:
        """FᵀVF of every covariance, in the precision of the features if no `kind` is given: cells × covariances, NaN where these are."""
        kind = kind or getattr(features, "dtype", np.float32)
        parts = [
            (root.astype(kind), order, one.rest.astype(kind)) for one in self.covariances for root, order in [one.root]
        ]
        return np.concatenate(over_features(_forms, features, arguments=(self.axes, parts, kind), what="variances"))

    def shared_std(self, features: Features) -> np.ndarray:
        """Standard deviation at each cell where genes have one variance, in double precision."""
        return np.sqrt(self.loads[0] @ self.forms(features, np.float64).T)

    def traces(self, moments: np.ndarray) -> np.ndarray:
        """Trace of every V times a symmetric matrix of the features."""
        own = self.axes.T @ moments @ self.axes
        sizes = [len(one.first) for one in self.covariances]
        return np.array(
            [
                np.einsum("ij,ij->", own[:n, :n], one.first) + own.diagonal()[n:] @ one.rest
                for n, one in zip(sizes, self.covariances, strict=True)
            ]
        )

    def variances(self, features: Features) -> np.ndarray:
        """Genes × cells."""
        return self.loads @ self.forms(features).T


def table_forms(tables: list[VarianceTable], features: Features) -> list[np.ndarray]:
    """The forms of several tables on the same axes, in one pass over the cells."""
    together = VarianceTable(tables[0].axes, [one for table in tables for one in table.covariances], np.empty((0, 0)))
    edges = np.cumsum([len(table.covariances) for table in tables])[:-1]
    return [np.ascontiguousarray(part) for part in np.split(together.forms(features), edges, axis=1)]


def _forms(
    block: np.ndarray, axes: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], kind: type[np.floating]
) -> np.ndarray:
    """Of a block of cells."""
    rotated = np.ascontiguousarray((block.astype(np.float64, copy=False) @ axes).T, dtype=kind)
    squared, out = np.square(rotated), np.empty((len(block), len(parts)), dtype=kind)
    for k, (root, order, others) in enumerate(parts):
        # sums of squares: no small difference of large numbers
        half = _times_triangular(root, rotated[order])
        out[:, k] = np.einsum("rc,rc->c", half, half) + others @ squared[len(root) :]
    return out


@dataclass(frozen=True)
class JointTable:
    r"""Covariances of several functions of each gene, :math:`\sum_k c_{gk} F(x)^\top V_k^{ij} F(x)` for every pair of them."""

    matrices: np.ndarray
    r"""V of the pairs with :math:`i \le j`, in the order of `np.triu_indices`: covariances × pairs × features × features."""
    loads: np.ndarray
    """c, not negative: genes × covariances."""

    def forms(self, features: Features) -> np.ndarray:
        """FᵀVF of every covariance and pair: cells × (covariances · pairs), NaN where the features are."""
        flat = self.matrices.reshape(-1, *self.matrices.shape[2:])
        out = np.empty((len(features), len(flat)), dtype=getattr(features, "dtype", np.float32))
        for rows, block in blocks_of(features):
            for k, matrix in enumerate(flat):
                out[rows, k] = np.einsum("cr,cr->c", block @ matrix, block)
        return out


def _times_triangular(lower: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lᵀ times a matrix, in half the time of a product with all of L; `values` is used up."""
    trmm = get_blas_funcs("trmm", (lower, values))
    n = lower.shape[1]
    # BLAS has columns one after the other: Lᵀ V is (Vᵀ L)ᵀ
    top = trmm(1.0, lower[:n], values[:n].T, side=1, lower=1, overwrite_b=1).T
    return top + lower[n:].T @ values[n:] if len(lower) > n else top


def compress(forms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Choose columns of which all others are combinations without negative weights.

    The columns are taken by QR with pivoting until all are within 3 % (root mean square over the rows), 1.5 % of a standard deviation.

    Parameters
    ----------
    forms
        Values of each covariance at some places: places × covariances, not negative.

    Returns
    -------
    Numbers of the chosen columns, and the weights: columns × chosen.
    """
    scale = forms.mean(axis=0)
    scaled = forms / np.where(scale > 0, scale, 1.0)
    rows = scaled.mean(axis=1)
    # relative errors count: each row by its own size
    scaled /= np.where(rows > 0, rows, 1.0)[:, None]
    order = qr(scaled, mode="r", pivoting=True)[1]
    for n in SIZES:
        chosen = np.sort(order[:n])
        free = np.linalg.lstsq(scaled[:, chosen], scaled)[0]
        if n < SIZES[-1] and _error(scaled[:, chosen] @ free, scaled) > TOLERANCE:
            # without negative weights it would be no better
            continue
        weights = np.stack([_not_negative(scaled[:, chosen], column) for column in scaled.T])
        if _error(scaled[:, chosen] @ weights.T, scaled) <= TOLERANCE:
            break
    of_chosen = np.where(scale[chosen] > 0, scale[chosen], 1.0)
    return chosen, weights * scale[:, None] / of_chosen


def _error(found: np.ndarray, columns: np.ndarray) -> float:
    """Largest relative error of a column, root mean square over the rows."""
    return float(np.sqrt(np.square(found - columns).mean(axis=0) / np.square(columns).mean(axis=0)).max())


def _not_negative(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least-squares weights without negative ones."""
    try:
        return nnls(columns, target)[0]
    except RuntimeError:
        # its active set goes round in circles where columns are nearly the same; interior points do not
        return np.maximum(lsq_linear(columns, target, bounds=(0, np.inf)).x, 0.0)
