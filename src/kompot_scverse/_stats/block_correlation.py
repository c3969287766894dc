"""Correlation of samples of one block, such as a donor measured repeatedly, and the covariance that follows."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from .linear_model import SampleDesign, fit_linear

GRID = np.linspace(0.0, 0.95, 20)
LARGEST = 0.99
TOLERANCE = 1e-6
SMALLEST_VARIANCE = 1e-12
"""Residual variance, relative to the largest, below which a gene only varies by rounding and says nothing."""


def block_covariance(
    covariance: NDArray[np.float64], block: NDArray[np.intp], correlation: float
) -> NDArray[np.float64]:
    r"""Covariance of the samples if a share :math:`\rho` of every variance is that of the block.

    :math:`(1 - \rho) V + \rho\, D^{1/2} Z Z^\top D^{1/2}` with the diagonal D of V and the indicators Z of the blocks: the
    variances stay, and independent samples of one block get the correlation :math:`\rho` (as in limma's ``gls.series``).

    Parameters
    ----------
    covariance
        Covariance V of the samples without blocks.
    block
        Number of the block of each sample.
    correlation
        :math:`\rho`.
    """
    deviation = np.sqrt(np.diag(covariance))
    return (1 - correlation) * covariance + correlation * np.outer(deviation, deviation) * _same(block)


def block_correlation(y: NDArray[np.float64], covariance: NDArray[np.float64], design: SampleDesign) -> float:
    r"""Correlation within blocks that all genes share.

    The maximum of the restricted likelihood of all genes (Patterson & Thompson 1971), every gene having a variance of its
    own, which is at its best: :math:`-\tfrac12 \sum_g [\log|V_\rho| + \log|X^\top V_\rho^{-1} X| + d \log Q_g(\rho)]` with
    the residual sum of squares Q on d degrees of freedom. Limma's ``duplicateCorrelation`` (Smyth, Michaud & Scott 2005)
    averages the estimates of the single genes instead, of which few samples leave many at the ends of the range.

    Parameters
    ----------
    y
        Samples x genes.
    covariance
        Their covariance without blocks, up to the gene's variance.
    design
        With blocks.

    Returns
    -------
    The correlation, from 0 to ``LARGEST``; 0 where no block has two samples, or the design determines the blocks.
    """
    block = design.block
    if block is None or _says_nothing(design.matrix, block) or y.shape[1] == 0:
        return 0.0
    plain = fit_linear(y, covariance, design).variance
    y = y[:, plain > SMALLEST_VARIANCE * plain.max()] if plain.max() > 0 else y[:, :0]
    if y.shape[1] == 0:
        return 0.0

    def loss(correlation: float) -> float:
        fit = fit_linear(y, block_covariance(covariance, block, correlation), design)
        return 0.5 * float(y.shape[1] * fit.log_determinant + fit.df * np.log(fit.variance).sum())

    best = int(np.argmin([loss(value) for value in GRID]))
    ends = GRID[max(best - 1, 0)], GRID[best + 1] if best + 1 < len(GRID) else LARGEST
    found = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": TOLERANCE})
    return float(found.x) if found.fun < loss(GRID[best]) else float(GRID[best])


def _same(block: NDArray[np.intp]) -> NDArray[np.float64]:
    """1 for two samples of the same block, else 0."""
    return (block[:, None] == block[None, :]).astype(np.float64)


def _says_nothing(matrix: NDArray[np.float64], block: NDArray[np.intp]) -> bool:
    """Whether the residuals of the design are all between samples of different blocks, or all within blocks."""
    left = np.linalg.svd(matrix)[0][:, np.linalg.matrix_rank(matrix) :]
    values = np.linalg.eigvalsh(left.T @ _same(block) @ left)
    # the same covariance of all residuals at any correlation
    return len(values) == 0 or bool(np.ptp(values) < 1e-8)
