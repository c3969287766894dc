"""Genes × categories: values, order and frame of a heatmap or dot plot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.cluster.hierarchy import leaves_list, linkage

from kompot_scverse._arguments import check_at_least
from kompot_scverse._data.design import MIN_CELLS
from kompot_scverse._data.errors import missing
from kompot_scverse._data.features import feature_names, feature_numbers, feature_values
from kompot_scverse._data.resolve import match_label, obs_column
from kompot_scverse._runs.rebuild import smoothed
from kompot_scverse._runs.view import RunView

from ._categories import drawn_categories
from ._style import NORMAL, SMALL
from ._values import some_numbers

LEVELS = 4
"""Levels that the title names."""
LIKE = 0.5
"""Correlation with its program from which on a gene is drawn with it."""


@dataclass(frozen=True)
class GeneTable:
    """Genes × categories, for each of two or more levels."""

    means: tuple[pd.DataFrame, ...]
    """Mean expression in each level, the reference first; NaN where there are too few cells."""
    fold_change: pd.DataFrame
    """Mean log fold change; of levels of a design, NaN."""
    share: pd.DataFrame
    """Share of expressing cells, of both levels."""


def top_genes(view: RunView, genes: Sequence[str] | str | None, n_genes: int, gene_symbols: str | None) -> np.ndarray:
    """Positions of the genes to draw: given ones, or those with the largest Mahalanobis distance or, of levels, the smallest p."""
    check_at_least(1, n_genes=n_genes)
    if genes == "programs" and view.has("program"):
        return _of_programs(view, n_genes)
    if genes == "programs" and genes not in view.data.var_names:
        raise LookupError(f"No programs of {view.name}; call `kp.tl.programs(...)`.")
    if genes is not None:
        numbers = feature_numbers(view.data, genes, gene_symbols)
        if len(numbers) == 0:
            raise ValueError("`genes` names no genes; pass None for those with the largest distance.")
        return numbers
    if view.omnibus:
        # the most significant, and of those with the same p the ones that differ most
        p = some_numbers(view, "pvalue" if view.has("pvalue") else "pvalue_cells")
        return np.lexsort((-some_numbers(view, "largest_lfc"), p))[: min(n_genes, int(np.isfinite(p).sum()))]
    distance = some_numbers(view, "mahalanobis")
    order = np.argsort(-distance, kind="stable")
    return order[np.isfinite(distance[order])][:n_genes]


def _of_programs(view: RunView, n_genes: int) -> np.ndarray:
    """Genes by program: of those that follow it closely, the ones with the largest distance."""
    program, score = view.read("program").astype(str).to_numpy(), view.numbers("program_score")
    distance, found = np.nan_to_num(view.numbers("mahalanobis")), []
    names = [str(number + 1) for number in range(len(view.run.summary["programs"]))]
    for name in names:
        own = np.flatnonzero((program == name) & (score >= LIKE))
        found.append(own[np.argsort(-distance[own], kind="stable")][: max(n_genes // len(names), 1)])
    return np.concatenate(found)


def gene_table(
    view: RunView,
    numbers: np.ndarray,
    cell_groups: str,
    *,
    levels: tuple[str, object, object] | None,
    layer: str | None,
    exclude: object,
    gene_symbols: str | None,
    masks: Sequence[np.ndarray] | None = None,
) -> GeneTable:
    """
    Means of each category and level.

    Parameters
    ----------
    view
        A de run.
    numbers
        Positions of the genes.
    cell_groups
        Obs column of the categories.
    levels
        Obs column and its two categories to compare; None for the conditions of the run.
    layer
        Expression.
    exclude
        Categories to leave out.
    gene_symbols
        Var column with the names to write.
    masks
        Cells of each level of a design, in the place of two conditions.
    """
    column = obs_column(view.data, cell_groups, "cell_groups")
    categories = drawn_categories(column, column.cat.categories, exclude=exclude)
    of_design = masks is not None
    if masks is None:
        masks = view.conditions() if levels is None else _levels(view, levels)
    values = feature_values(view.data, numbers, layer)
    names = feature_names(view.data, gene_symbols)[numbers]
    # the fold change of the run's own contrast is the model's, of others the difference of means
    change = smoothed(view, numbers, "fold_change") if levels is None and not of_design else None

    own = [(column == category).to_numpy() for category in categories]
    means = [np.column_stack([_mean(values, cells & mask) for cells in own]) for mask in masks]
    both = np.logical_or.reduce(masks)
    enough = np.array([min((cells & mask).sum() for mask in masks) >= MIN_CELLS for cells in own])
    if of_design:
        lfc = np.full_like(means[0], np.nan)
    elif change is None:
        lfc = means[1] - means[0]
    else:
        lfc = np.column_stack([_mean(change, cells & both) for cells in own])
    lfc[:, ~enough] = np.nan
    share = np.column_stack([_mean(values > 0, cells & both) for cells in own])
    tables = [pd.DataFrame(table, index=names, columns=categories) for table in (*means, lfc, share)]
    return GeneTable(tuple(tables[:-2]), tables[-2], tables[-1])


def _mean(values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    return values[cells].mean(axis=0) if cells.sum() >= MIN_CELLS else np.full(values.shape[1], np.nan)


def _levels(view: RunView, levels: tuple[str, object, object]) -> tuple[np.ndarray, np.ndarray]:
    key, first, second = levels
    if key not in view.data.obs:
        raise missing("obs column (`levels`)", key, view.data.obs.columns)
    column = obs_column(view.data, key, "levels")
    labels = [match_label(column, label, "levels") for label in (first, second)]
    reference, group = ((column == label).to_numpy() for label in labels)
    return reference, group


def standardize(
    tables: tuple[pd.DataFrame, ...], how: Literal["zscore", "minmax"] | None
) -> tuple[tuple[pd.DataFrame, ...], str]:
    """Scale each gene over all tables; returns them with the name of the scale."""
    if how is None:
        return tables, "mean expression"
    joined = pd.concat(tables, axis=1)
    if how == "zscore":
        center, width, name = joined.mean(axis=1), joined.std(axis=1, ddof=0), "mean expression\n(z per gene)"
    else:
        center, name = joined.min(axis=1), "mean expression\n(0 to 1 per gene)"
        width = joined.max(axis=1) - center
    width = width.where(width > 0, 1.0)
    return tuple(table.sub(center, axis=0).div(width, axis=0) for table in tables), name


def cluster_order(values: np.ndarray) -> np.ndarray:
    """Order of the rows by average linkage with optimal leaf order; missing values count as the row's mean."""
    if len(values) < 3:
        return np.arange(len(values))
    means = np.array([row[np.isfinite(row)].mean() if np.isfinite(row).any() else 0.0 for row in values])
    filled = np.where(np.isfinite(values), values, means[:, None])
    return leaves_list(linkage(filled, method="average", optimal_ordering=True))


def matrix_size(genes: Sequence[str], categories: Sequence[object], beside: float) -> tuple[float, float]:
    """Figure size in inches, with room for names and, to the right, for `beside` inches of scales."""
    longest_gene = max((len(str(gene)) for gene in genes), default=0)
    longest_category = max((len(str(category)) for category in categories), default=0)
    width = 0.4 + matrix_width(len(categories)) + 0.078 * longest_gene + beside
    height = 0.6 + matrix_height(len(genes)) + 0.078 * max(longest_category, 6)
    return width, height


def matrix_width(n_categories: int) -> float:
    """Width of the axes in inches."""
    return 0.36 * max(n_categories, 2)


def matrix_height(n_genes: int) -> float:
    """Height of the axes in inches: few genes get taller rows, so that the keys have room."""
    return max(0.23 * n_genes, 1.6)


def frame(ax: Axes, genes: Sequence[str], categories: Sequence[object], levels: Sequence[str]) -> None:
    """Genes down, categories across, all names readable; the title names the levels compared."""
    ax.set_xlim(-0.5, len(categories) - 0.5)
    ax.set_ylim(len(genes) - 0.5, -0.5)
    ax.set_xticks(range(len(categories)), [str(category) for category in categories], rotation=90, fontsize=NORMAL)
    ax.set_yticks(range(len(genes)), list(genes), fontsize=NORMAL if len(genes) <= 60 else SMALL - 2)
    ax.tick_params(length=2, width=0.5)
    for spine in ax.spines.values():
        spine.set_linewidth(0.5)
    title = " → ".join([*levels[:1], "…", *levels[-1:]] if len(levels) > LEVELS else levels)
    if 0.085 * len(title) > matrix_width(len(categories)) + 1.0:
        title = " →\n".join(levels)
    ax.set_title(title, fontsize=NORMAL + 1)
