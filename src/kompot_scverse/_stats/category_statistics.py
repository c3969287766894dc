"""Local statistics: the mean fold change over the cells of each category."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from kompot_scverse._gp.features import Features

from .component_fit import ComponentFit
from .expression import ExpressionFit
from .lazy_layers import ratio

BLOCK = 8192
"""Cells summed at a time."""


@dataclass(frozen=True)
class GroupStatistics:
    """Genes × categories."""

    mean_lfc: np.ndarray
    std_error: np.ndarray
    zscore: np.ndarray
    lfsr: np.ndarray


def category_means(
    phi: Features, codes: np.ndarray, n_categories: int, sides: tuple[np.ndarray, np.ndarray], min_cells: int
) -> np.ndarray:
    """
    Mean features over the cells of each category that belong to the reference or the group: categories × rank.

    NaN where reference or group has fewer than `min_cells` cells.

    Parameters
    ----------
    phi
        Features: cells × rank.
    codes
        Category of each cell.
    n_categories
        Number of categories.
    sides
        Masks of the cells of the reference and of the group.
    min_cells
        Fewest cells of each of them in a category.
    """
    means = np.full((n_categories, phi.shape[1]), np.nan)
    for category in range(len(means)):
        own = codes == category
        in_condition = [own & side for side in sides]
        if min(cells.sum() for cells in in_condition) >= min_cells:
            means[category] = mean_features(phi, in_condition[0] | in_condition[1])
    return means


def mean_features(phi: Features, cells: np.ndarray) -> np.ndarray:
    """Mean over chosen cells (a mask); rows of other cells may be NaN."""
    rows, total = np.flatnonzero(cells), np.zeros(phi.shape[1])
    for start in range(0, len(rows), BLOCK):
        # in blocks, since a choice of rows is a copy
        total += phi[rows[start : start + BLOCK]].sum(axis=0, dtype=np.float64)
    return total / len(rows)


def group_statistics(fit: ExpressionFit | ComponentFit, means: np.ndarray, group: int) -> GroupStatistics:
    r"""
    Mean log fold change over the cells of each category, its standard error, their ratio and the false sign rate.

    With the mean features m of a category, the mean is :math:`m^\top \Delta_g` and its variance that of the fold change at
    m. The local false sign rate is the posterior probability of the other sign (Stephens 2017, Biostatistics 18, 275).

    Parameters
    ----------
    fit
        Posteriors.
    means
        Categories × rank, from :func:`category_means`.
    group
        Number of the condition compared with the first.
    """
    ok = np.isfinite(means).all(axis=1)
    delta = fit.fold_change(group)
    shape = (len(delta), len(means))
    lfc, error, zscore, lfsr = (np.full(shape, np.nan) for _ in range(4))
    used = means[ok]
    lfc[:, ok] = delta @ used.T
    error[:, ok] = np.sqrt(fit.fold_change_variance(used, group))
    zscore[:, ok] = ratio(lfc[:, ok], error[:, ok])
    lfsr[:, ok] = norm.sf(np.abs(zscore[:, ok]))
    return GroupStatistics(lfc, error, zscore, lfsr)
