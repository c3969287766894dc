"""The cell-state model shared by all analyses: length scale, kernel, basis."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .basis import Basis, fit_basis
from .kernel import Kernel
from .mellon import kernel_function, length_scale, load_mellon
from .neighbors import nearest_neighbor_distances

if TYPE_CHECKING:
    from kompot_scverse.settings import GPSettings

__all__ = ["CellStates", "fit_cell_states"]

logger = logging.getLogger("kompot_scverse")

MAX_QUERIES = 50_000
"""Cells whose nearest neighbour (among all cells) enters the length scale; beyond this it does not change visibly."""


@dataclass(frozen=True)
class CellStates:
    """Basis over the pooled cells of an analysis."""

    basis: Basis
    ls: float | None
    """Length scale in the units of the representation; None if the kernel brought its own."""
    nn_distances: np.ndarray | None
    """Distance of each pooled cell to the nearest other one; None where it was not needed for every cell."""


def fit_cell_states(x: np.ndarray, gp: "GPSettings", *, all_distances: bool = False) -> CellStates:
    """
    Estimate the length scale once on the pooled cells and choose the basis.

    Parameters
    ----------
    x
        Pooled cells of all conditions × dimensions.
    gp
        Settings.
    all_distances
        Whether the nearest-neighbour distance of every cell is needed.
    """
    own_scale = isinstance(gp.kernel, load_mellon().Covariance)
    ls = None if own_scale else gp.ls
    distances = None
    if all_distances or (ls is None and not own_scale):
        queries = None
        if not all_distances and len(x) > MAX_QUERIES:
            canonical = np.lexsort(x.T[:2][::-1])
            queries = np.sort(canonical[np.linspace(0, len(x) - 1, MAX_QUERIES).astype(np.intp)])
        distances = nearest_neighbor_distances(x, queries)
    if distances is not None and ls is None and not own_scale:
        ls = length_scale(distances) * gp.ls_factor
    kernel = Kernel(kernel_function(gp.kernel, ls if ls is not None else 1.0))
    basis = fit_basis(x, kernel, max_rank=int(gp.n_landmarks), rtol=gp.rtol)
    if basis.residual > max(gp.rtol, 1e-12) and basis.rank >= min(gp.n_landmarks, len(x)):
        logger.warning(
            "The basis reached its largest rank, %d, with a residual prior variance of %.1e (asked for: %.1e). "
            "Raise `n_landmarks`, or use a longer length scale.",
            basis.rank, basis.residual, gp.rtol,
        )  # fmt: skip
    logger.info(
        "Basis: rank %d, residual %.1e, length scale %s.", basis.rank, basis.residual, f"{ls:.4g}" if ls else "own"
    )
    return CellStates(basis, ls, distances if all_distances else None)
