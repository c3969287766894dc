"""A rough basis beside the smooth one: fields with sharp borders."""

import numpy as np

from .basis import Basis
from .kernel import Kernel
from .mellon import kernel_function
from .over_cells import over_cells
from .points import Points

MAX_CENTERS = 64
"""Centres of the rough basis. With 128 the errors of planted log ratios in cell types of the melanoma states are the same to 1 %."""
LENGTH = 1.0
"""Length scale in units of the spread of the cells. The kernel is nearly linear in the distance then; a fourth and four times
of it are as good, as only the amplitude matters."""
JITTER = 1e-8


def rough_basis(centers: np.ndarray, x: np.ndarray | Points) -> Basis:
    r"""
    Basis of a process with the covariance :math:`e^{-|x - y| / 2\ell}` (Matérn-1/2), on centres over all cells.

    Its paths are continuous but rough, so that a field may change over a short way, as at the border of a cell type. The
    smooth basis of the package would need ranks beyond hundreds for that.

    Parameters
    ----------
    centers
        Centres × dimensions.
    x
        The cells: cells × dimensions, finite.
    """
    sums, squares = (sum(of_blocks) for of_blocks in zip(*over_cells(_sums, x, what="spread"), strict=True))
    # about the centre of the frame: nothing cancels
    spread = float(np.sqrt(max(squares - np.square(sums).sum() / len(x), 0.0) / len(x)))
    kernel = Kernel(kernel_function("Exponential", LENGTH * (spread or 1.0)))
    covariance = kernel(centers, centers) + JITTER * np.eye(len(centers))
    basis = Basis(centers, np.linalg.cholesky(covariance), kernel, np.nan)
    residual = sum(over_cells(_left_out, x, arguments=(basis,), what="residuals"))
    return Basis(centers, basis.cholesky, kernel, residual / len(x))


def _sums(x: np.ndarray) -> tuple[np.ndarray, float]:
    return x.sum(axis=0), float(np.square(x).sum())


def _left_out(x: np.ndarray, basis: Basis) -> float:
    """Prior variance that the basis does not explain, summed over a block of cells."""
    return float(np.maximum(1 - np.square(basis.features(x)).sum(axis=1), 0).sum())
