"""Mean expression of each sample in categories, gene by gene."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_at_least
from kompot_scverse._data.design import MIN_CELLS
from kompot_scverse._data.features import feature_names, feature_values
from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.run_samples import samples_of

from ._artist import check_keywords
from ._categories import drawn_categories
from ._matrix import top_genes
from ._panels import Panels
from ._samples import ABOVE_NOTES, LEVEL, draw_strips, strip_handles
from ._style import TITLE, finish, grid, name_axes, outside_legend


def pseudobulk(
    data: Data,
    genes: str | Sequence[str] | None = None,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    cell_groups: str | None = None,
    n_genes: int = 4,
    min_cells: int = MIN_CELLS,
    layer: str | None | Literal["run"] = "run",
    order: Sequence[object] | None = None,
    exclude: object | Sequence[object] = (),
    gene_symbols: str | None = None,
    ncols: int = 2,
    show: bool | None = None,
    **line_kws: Any,
) -> Panels:
    """
    Mean expression of each sample's cells in every category: the data that a pseudobulk test sees, without a model.

    Over a category stands the q-value of the replicate test within it, where the run has one (`cell_groups=` of
    :func:`kompot_scverse.tl.de`). :func:`replicates` shows the smoothed expression of the samples.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de` with `sample_key`.
    genes, n_genes
        Genes to draw; None for the `n_genes` with the largest Mahalanobis distance.
    run_id, key_added, group
        Which run: its number (negative ones count from the end), its prefix, the group of its contrast. None: the last.
    mod
        Modality of a MuData.
    cell_groups
        Obs column of the categories; None for the `cell_groups` of the run.
    min_cells
        Cells of a sample in a category below which its mean is not drawn.
    layer
        Expression; by default the layer of the run. None for X.
    order, exclude
        Categories from left to right, and those to leave out.
    gene_symbols
        Var column with the names to look up and write.
    ncols
        Panels per row.
    show
        Whether to call `plt.show`.
    **line_kws
        For the points, for example `markersize` or `alpha`.

    Returns
    -------
    The figure and its axes by gene. Bars are the means of the samples; lines join samples of both conditions with the same label.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", sample_key="Replicate", layer="logged_counts")
    >>> panels = kp.pl.pseudobulk(adata, list(adata.var_names[:2]), cell_groups="branch")
    """
    check_keywords(pseudobulk, line_kws, "Line2D", scale=False)
    check_at_least(1, ncols=ncols, min_cells=min_cells)
    view = find_view(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    view.check_one_modality()
    own = view.run.params.get("cell_groups")
    if cell_groups is None and own is None:
        raise ValueError("The run has no `cell_groups`; name an obs column of categories.")
    cell_groups = str(own) if cell_groups is None else cell_groups
    samples, column = samples_of(view), obs_column(view.data, cell_groups, "cell_groups")
    numbers = top_genes(view, genes, n_genes, gene_symbols)
    names = [str(name) for name in feature_names(view.data, gene_symbols)[numbers]]
    values = feature_values(view.data, numbers, view.run.params.get("layer") if layer == "run" else layer)
    cells = (samples.codes >= 0) & column.notna().to_numpy()
    sizes = pd.crosstab(samples.codes[cells], column[cells].to_numpy()).reindex(
        range(len(samples.labels)), fill_value=0
    )
    found = [name for name in column.cat.categories if name in sizes and (sizes[name] >= min_cells).any()]
    categories = drawn_categories(column, found, order=order, exclude=exclude)
    q = _rates(view, own == cell_groups, categories, numbers)

    longest = max(len(str(name)) for name in categories)
    width = 1.2 + (0.45 + 0.01 * min(len(samples.labels), 20) + LEVEL * (len(samples.levels) - 2)) * len(categories)
    # all panels leave room for the legend of the last
    axes = grid(
        dict.fromkeys(names), min(ncols, len(names)), width + 1.7 / min(ncols, len(names)), 2.3 + 0.06 * longest
    )
    for place, ax in enumerate(axes.values()):
        means = pd.DataFrame(values[cells, place]).groupby([samples.codes[cells], column[cells].to_numpy()])[0].mean()
        table = means.unstack().reindex(index=range(len(samples.labels)), columns=categories)
        table = table.where(sizes.reindex(columns=categories) >= min_cells)
        draw_strips(ax, samples, table, view, q[place], line_kws)
        name_axes(ax, title="", x="", y="mean expression")
        ax.set_title(names[place], fontsize=TITLE, fontstyle="italic", pad=ABOVE_NOTES)
    outside_legend(list(axes.values())[min(ncols, len(names)) - 1], strip_handles(samples, view), samples.variable)
    return finish(Panels(axes), show, view)


def _rates(view: Any, tested: bool, categories: list[Any], numbers: np.ndarray) -> list[list[str]]:
    """A text for each gene and category; none where the run has not tested these categories."""
    if not tested or not view.has("group_qvalue"):
        return [[] for _ in numbers]
    q = np.column_stack([view.of_category("qvalue", name)[numbers] for name in categories])
    return [[f"q={value:.1g}" if np.isfinite(value) else "" for value in row] for row in q]
