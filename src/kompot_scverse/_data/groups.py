"""Local statistics: the mean fold change over the cells of each category."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.stats import norm

from kompot_scverse._keys import column_name
from kompot_scverse._stats.component_fit import ComponentFit
from kompot_scverse._stats.expression import ExpressionFit

from .design import MIN_CELLS, Design
from .layers import ratio
from .resolve import obs_column

__all__ = ["GroupStatistics", "category_means", "category_names", "group_column", "group_statistics", "mean_features"]

BLOCK = 8192
"""Cells summed at a time."""


@dataclass(frozen=True)
class GroupStatistics:
    """Genes × categories."""

    mean_lfc: np.ndarray
    std_error: np.ndarray
    zscore: np.ndarray
    lfsr: np.ndarray


def group_column(adata: AnnData, key: str | None) -> pd.Series | None:
    """The obs column of the categories; they must stay apart as column names of a table in a file."""
    if key is None:
        return None
    column = obs_column(adata, key, "cell_groups")
    names = pd.Index(category_names(adata, column), dtype=object)
    if not names.is_unique:
        twice = names[names.duplicated()][0]
        raise ValueError(
            f"Several categories of obs[{key!r}] (`cell_groups`) would be named {twice!r}, since files take no slash, "
            "backslash or reserved name; rename one."
        )
    return column


def category_names(adata: AnnData, column: pd.Series) -> list[str]:
    """Names of the categories as columns of a table in varm."""
    return [column_name(category, adata.var_names.name) for category in column.cat.categories]


def category_means(phi: np.ndarray, categories: pd.Series, design: Design, group: int) -> np.ndarray:
    """
    Mean features over the cells of each category that belong to the reference or the group: categories × rank.

    NaN where either condition has fewer than `MIN_CELLS` cells.
    """
    codes = categories.cat.codes.to_numpy()
    means = np.full((len(categories.cat.categories), phi.shape[1]), np.nan)
    for category in range(len(means)):
        own = codes == category
        in_condition = [own & (design.condition_codes == condition) for condition in (0, group)]
        if min(cells.sum() for cells in in_condition) >= MIN_CELLS:
            means[category] = mean_features(phi, in_condition[0] | in_condition[1])
    return means


def mean_features(phi: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Mean over chosen cells (a mask); rows of other cells may be NaN."""
    rows, total = np.flatnonzero(cells), np.zeros(phi.shape[1])
    for start in range(0, len(rows), BLOCK):
        # in blocks, since a choice of rows is a copy
        total += phi[rows[start : start + BLOCK]].sum(axis=0)
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
