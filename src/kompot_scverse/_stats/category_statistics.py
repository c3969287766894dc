"""Local statistics: the mean fold change over the cells of each category."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from kompot_scverse._gp.features import Features, over_features
from kompot_scverse._gp.sums_by_code import sums_by_code

from .component_fit import ComponentFit
from .lazy_layers import ratio


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
    counts = [np.bincount(codes[(codes >= 0) & side], minlength=n_categories) for side in sides]
    own = np.where(sides[0] | sides[1], codes, -1)
    sums = sum(over_features(_sums_of, phi, own, arguments=(n_categories,), what="categories"))
    enough = np.minimum(*counts) >= min_cells
    numbers = np.bincount(own[own >= 0], minlength=n_categories)
    return np.where(enough, sums.T / np.maximum(numbers, 1), np.nan).T


def _sums_of(block: np.ndarray, codes: np.ndarray, n_categories: int) -> np.ndarray:
    """Sums over the cells of each category in a block."""
    own = np.flatnonzero(codes >= 0)
    return sums_by_code(block[own].astype(np.float64, copy=False), codes[own], n_categories)


def mean_features(phi: Features, cells: np.ndarray) -> np.ndarray:
    """Mean over chosen cells (a mask); rows of other cells may be NaN."""
    codes = np.where(cells, 0, -1)
    return sum(over_features(_sums_of, phi, codes, arguments=(1,), what="means"))[0] / np.count_nonzero(cells)


def group_statistics(fit: ComponentFit, means: np.ndarray, group: int) -> GroupStatistics:
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
