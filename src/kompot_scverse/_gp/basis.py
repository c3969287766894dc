"""The low-rank basis: pivoted Cholesky of the kernel matrix, and its features at any point."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from .device import accelerator, fetch_rows, repeat_last, round_size
from .kernel import Kernel
from .order import canonical_order
from .over_cells import over_cells
from .points import Points
from .progress import progress_bar

MAX_CANDIDATES = 50_000
"""Cells among which pivots are searched; on larger data all cells still decide whether the basis is good enough."""
BLOCK = 16_384
"""Cells whose features are computed at a time."""
FLOOR = 1e-12
"""Residual prior variance (relative) below which a pivot would be rounding error."""
EXTRAPOLATED = 32
"""Pivots after which the rank is extrapolated again, for the progress."""
TIE = 1e-7
"""Relative difference up to which two cells tie for a pivot, so that rounding does not choose between them."""


@dataclass(frozen=True)
class Basis:
    r"""
    Features :math:`\Phi(x) = L^{-1} k(P, x)` with :math:`L L^\top = k(P, P)`.

    A Gaussian process with covariance `k` is then :math:`f(x) = \Phi(x)^\top w`, :math:`w \sim N(0, I)`, up to the
    residual prior variance :math:`k(x, x) - |\Phi(x)|^2`.
    """

    pivots: np.ndarray
    """Coordinates of the pivot cells, in the frame of the kernel: rank × dimensions."""
    cholesky: np.ndarray
    """L: rank × rank, lower triangular."""
    kernel: Kernel = field(repr=False)
    residual: float
    """Mean residual prior variance over the cells the basis was fitted to, relative to the prior variance."""

    @property
    def rank(self) -> int:
        """Number of features."""
        return len(self.pivots)

    def features(self, x: np.ndarray | Points) -> np.ndarray:
        """
        Φ at `x`, points in the frame of the kernel: cells × rank, float64.

        Rows with a coordinate that is not finite are NaN.
        """
        out = np.full((len(x), self.rank), np.nan)
        for start in range(0, len(x), BLOCK):
            block = x[start : start + BLOCK].astype(np.float64, copy=False)
            if accelerator() is not None:
                found = self.features_there(repeat_last(block, round_size(len(block))))
                out[start : start + BLOCK] = fetch_rows(found, len(block))
                continue
            finite = np.isfinite(block).all(axis=1)
            if not finite.any():
                continue
            k = self.kernel(self.pivots, block[finite])
            out[start : start + BLOCK][finite] = solve_triangular(
                self.cholesky, k, lower=True, overwrite_b=True, check_finite=False
            ).T
        return out

    def features_there(self, x: np.ndarray) -> Any:
        """The same on the device, compiled for each number of rows."""
        return self.kernel.solved(self.pivots, self.cholesky, x)


def fit_basis(
    x: np.ndarray | Points, kernel: Kernel, *, max_rank: int = 5000, rtol: float = 1e-6
) -> tuple[Basis, np.ndarray]:
    """
    Choose pivot cells by greedy pivoted Cholesky.

    Each pivot is the cell with the largest residual prior variance, of cells that tie the first in canonical order, until
    the mean residual over all cells is at most `rtol` of the prior variance, or `max_rank` is reached. The order of the
    cells does not matter.

    Parameters
    ----------
    x
        Cells × dimensions, float64, finite, in the frame of the kernel.
    kernel
        Covariance function.
    max_rank
        Largest number of pivots.
    rtol
        Largest mean residual prior variance, relative to the mean prior variance.

    Returns
    -------
    The basis, and the prior variance that it leaves out at every cell.

    Raises
    ------
    ValueError
        If the covariance is not finite, or zero at all cells.

    References
    ----------
    Harbrecht, Peters & Schneider (2012), Applied Numerical Mathematics 62, 428-440.
    """
    n, order = len(x), canonical_order(x)
    prior = kernel.diagonal(x)[order]
    if not (np.isfinite(prior).all() and prior.min() >= 0 and prior.max() > 0):
        raise ValueError(
            f"The covariance {kernel.function} has a variance of {prior.min():.3g} to {prior.max():.3g} at the cells, which "
            "is no prior of a function. Pass another `kernel` or length scale in `GPSettings`."
        )
    target = rtol * float(prior.mean())
    candidates = np.arange(n)
    if n > MAX_CANDIDATES:
        # evenly spread over the canonical order of the cells: a random-like draw that does not depend on the file's order
        candidates = np.linspace(0, n - 1, MAX_CANDIDATES).astype(np.intp)
    while True:
        rows = order[candidates]
        chosen, cholesky, residual = _pivoted_cholesky(x[rows], prior[candidates], kernel, max_rank, target)
        basis = Basis(x[rows[chosen]], cholesky, kernel, float(residual.mean() / prior.mean()))
        if len(candidates) == n:
            return basis, residual[np.argsort(order)]
        explained = np.concatenate(over_cells(_squared_length, x, arguments=(basis,), what="residuals"))
        residual = np.maximum(prior - explained[order], 0.0)
        basis = Basis(basis.pivots, cholesky, kernel, float(residual.mean() / prior.mean()))
        if residual.mean() <= target or basis.rank == max_rank:
            return basis, residual[np.argsort(order)]
        # some region was missed by the draw: let the cells that fit worst be pivots, too; candidates that fit badly
        # add nothing, and if only they were taken there would be no end
        residual[candidates] = -1.0
        worst = np.argsort(-residual)[: min(max(MAX_CANDIDATES // 5, 1), n - len(candidates))]
        candidates = np.union1d(candidates, worst)


def _pivoted_cholesky(
    x: np.ndarray, prior: np.ndarray, kernel: Kernel, max_rank: int, target: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pivot rows of `x`, their Cholesky factor, and the residual variance of every row."""
    n = len(x)
    residual = prior.copy()
    rows = np.empty((min(64, n), n))
    pivots: list[int] = []
    means: list[float] = []
    x_device = kernel.to_device(x)
    floor = FLOOR * prior.max()
    # with a stationary kernel all cells tie for the first pivot; the most central one is the same in any order
    tied = np.flatnonzero(prior >= (1 - TIE) * prior.max())
    distances = np.square(x[tied] - x.mean(axis=0)).sum(axis=1)
    pivot = int(tied[np.argmax(distances <= distances.min() + TIE * distances.mean())])
    with progress_bar(min(max_rank, n), "basis", "pivots") as advance:
        while len(pivots) < min(max_rank, n) and residual.mean() > target and residual[pivot] > floor:
            rank = len(pivots)
            if rank == len(rows):
                rows = np.concatenate([rows, np.empty((min(rank, n - rank), n))])
            column = kernel(x[pivot][None], x_device)[0] - rows[:rank, pivot] @ rows[:rank]
            rows[rank] = column / np.sqrt(residual[pivot])
            residual = np.maximum(residual - rows[rank] ** 2, 0.0)
            residual[pivot] = 0.0
            pivots.append(pivot)
            means.append(float(residual.mean()))
            advance(1)
            if len(pivots) % EXTRAPOLATED == 0:
                advance.expect(min(max_rank, n, expected_rank(means, target)))
            pivot = int(np.argmax(residual >= (1 - TIE) * residual.max()))
    if not np.isfinite(residual).all():
        raise ValueError(
            f"The covariance {kernel.function} is not finite between some of the cells. Pass another `kernel` or length scale "
            "in `GPSettings`."
        )
    chosen = np.array(pivots, dtype=np.intp)
    return chosen, np.tril(rows[: len(chosen), chosen].T), residual


def _squared_length(x: np.ndarray, basis: Basis) -> np.ndarray:
    """Prior variance that a basis explains."""
    phi = basis.features(x)
    return np.einsum("cr,cr->c", phi, phi)


def expected_rank(means: list[float], target: float) -> int:
    """Rank at which the mean residual falls to the target, if it goes on to fall with a power of the rank."""
    rank, earlier = len(means), len(means) // 2
    power = np.log(means[earlier - 1] / means[-1]) / np.log(rank / earlier) if means[-1] > 0 else 0.0
    if power <= 0 or target <= 0 or means[-1] <= target:
        return rank
    return int(min(rank * (means[-1] / target) ** (1 / power), 1e9))
