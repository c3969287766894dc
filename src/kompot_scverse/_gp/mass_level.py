"""The level at which two densities with a known log ratio both have mass one."""

import numpy as np
from scipy.special import expit

from .cell_blocks import CellBlocks
from .device import numerics

MAX_STEPS = 100


def mass_level(cells: CellBlocks, weights: np.ndarray, n_late: float) -> tuple[float, np.ndarray, float]:
    """
    Offset that gives both densities mass one over the pooled cells, the centre of the features, and its variance.

    Parameters
    ----------
    cells
        The pooled cells.
    weights
        Of the log ratio: rank.
    n_late
        Cells of the second density.
    """
    field, n = cells.map(_product, weights), len(cells)
    level = log_odds = float(np.log(n_late / (n - n_late)))
    for _ in range(MAX_STEPS):
        probability = expit(level + field)
        known = probability * (1 - probability)
        step = float((n_late - probability.sum()) / known.sum())
        level += float(np.clip(step, -1, 1))
        if abs(step) < 1e-12:
            break
    total = float(known.sum())
    (centre,) = cells.sum(_known_features, weights, level)
    return level - log_odds, centre / total, max(1 / total - 1 / n_late - 1 / (n - n_late), 0.0)


def _product(phi: np.ndarray, _: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return phi @ weights


def _known_features(phi: np.ndarray, _: np.ndarray, weights: np.ndarray, level: float) -> tuple[np.ndarray]:
    probability = numerics(phi)[1].expit(level + phi @ weights)
    return ((probability * (1 - probability)) @ phi,)
