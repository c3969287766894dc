"""Genes × categories, each cell split between the two conditions or the levels of a design."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from kompot_scverse._data.holders import Data
from kompot_scverse._runs.design_levels import design_levels
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.view import RunView

from ._artist import check_keywords, color_scale, without_scale
from ._dots import draw_dots, size_key
from ._matrix import cluster_order, frame, gene_table, matrix_height, matrix_size, standardize, top_genes
from ._style import LETTER, NORMAL, SMALL, corner_inches, fill_colorbar, finish, new_axes
from ._theme import paper, shade

STRIP = 0.1
"""Inches by which a category is wider for each level beyond two."""


def heatmap(
    data: Data,
    cell_groups: str,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    genes: str | Sequence[str] | None = None,
    n_genes: int = 20,
    kind: Literal["split", "fold_change", "dots"] = "split",
    levels: tuple[str, object, object] | tuple[str, Mapping[Any, str]] | None = None,
    layer: str | None | Literal["run"] = "run",
    standard_scale: Literal["zscore", "minmax"] | None = "zscore",
    cluster: bool | Literal["genes", "categories"] = True,
    exclude: object | Sequence[object] = (),
    gene_symbols: str | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    **patch_kws: Any,
) -> Axes:
    """
    Expression of genes in each category, both conditions or all levels of a design in one cell of the heatmap.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de`.
    cell_groups
        Obs column of the categories, for example the cell type.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData.
    genes, n_genes
        Genes to draw. None takes the `n_genes` with the largest Mahalanobis distance (for an effect with several coefficients, with
        the smallest p-value); "programs" takes `n_genes` from the programs of :func:`kompot_scverse.tl.programs`, one program after
        the other if `cluster` leaves the genes as they are.
    kind
        "split": mean expression in the reference (upper left) and in the group (lower right) or, of an effect of a design, in
        strips from left to right in the levels of its variable (of a number with more than six values, in bins); "fold_change": the
        model's mean log fold change; "dots": the same as colour, with the share of expressing cells as size,
        and a ring where the run has tested samples within these categories and calls the gene there.
    levels
        Obs column and its two categories to compare instead of the conditions of the run, such as
        `("sex", "female", "male")`; with a dictionary of what to call them, `("Age", {"Young": "3 months", "Old":
        "24 months"})`.
    layer
        Expression; by default the layer of the run. None for X.
    standard_scale
        Scale each gene over all its values ("split" only): to mean 0 and variance 1, to 0 to 1, or not.
        With a single category a gene has two values, and they are not scaled.
    cluster
        Order genes and categories by similarity, one of the two, or neither (then as given).
    exclude
        Categories to leave out.
    gene_symbols
        Var column with the names to write.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **patch_kws
        For the patches or dots, for example `edgecolors`, `cmap`, `norm`, or `vmin` and `vmax`: numbers or
        percentiles such as "p1". Signed scales stay centred at zero.

    Returns
    -------
    The axes. Categories with fewer than ten cells in a condition are grey.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> ax = kp.pl.heatmap(adata, "celltype", n_genes=10)
    """
    check_keywords(heatmap, patch_kws, "PathCollection" if kind == "dots" else "PolyCollection")
    view = find_view(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    numbers = top_genes(view, genes, n_genes, gene_symbols)
    layer = view.run.params.get("layer") if layer == "run" else layer
    pair, level_names = _named_levels(view, levels)
    of_design = design_levels(view) if kind == "split" and levels is None and view.effect is not None else None
    masks = None
    if of_design is not None:
        level_names = of_design.names
        masks = [of_design.codes == number for number in range(len(level_names))]
    shown: tuple[pd.DataFrame, ...]
    table = gene_table(
        view, numbers, cell_groups, levels=pair, layer=layer, exclude=exclude, gene_symbols=gene_symbols, masks=masks
    )
    if kind == "split":
        # of one category each gene has two values, which any scale of the gene makes the same for all
        standard_scale = standard_scale if table.means[0].notna().any().sum() * len(table.means) > 2 else None
        shown, label = standardize(table.means, standard_scale)
    else:
        shown, label = (table.fold_change,), "mean log\nfold change"
    rows, columns = _order(shown, cluster)
    shown = tuple(frame_.iloc[rows, columns] for frame_ in shown)

    # the scale, or the key of the halves, whose texts may be long
    beside = 1.2 if kind != "split" else max(1.2, 0.6 + LETTER * (13 + max(map(len, level_names))))
    if of_design is not None:
        beside += 0.12 * len(shown)
    names, categories = shown[0].index.to_list(), shown[0].columns.to_list()
    width, height = matrix_size(names, categories, beside)
    ax = new_axes(ax, width + STRIP * max(len(shown) - 2, 0) * len(categories), height)
    frame(ax, names, categories, level_names)
    if of_design is not None:
        title = f"{of_design.variable}: {ax.get_title()}" if of_design.ordered else of_design.variable
        ax.set_title(title, fontsize=NORMAL + 1)
    signed = kind != "split" or standard_scale == "zscore"
    if kind == "dots":
        called, rule = _called(view, numbers, cell_groups, table.fold_change.columns) if pair is None else (None, None)
        called = None if called is None else called[np.ix_(rows, columns)]
        drawn, top = draw_dots(ax, shown[0], table.share.iloc[rows, columns], patch_kws, called)
    else:
        drawn = _patches(ax, shown, patch_kws, signed=signed)
    bar_height = min(1.0, 0.5 * matrix_height(len(shown[0])))
    colorbar = _inset(ax, top=0.0, height=bar_height, width=0.12)
    fill_colorbar(colorbar, drawn, label, extendfrac=0.08)
    if of_design is not None:
        _strip_key(_inset(ax, top=bar_height + 0.3, height=0.32, width=0.12 * len(shown)), level_names)
    elif kind == "split":
        _split_key(_inset(ax, top=bar_height + 0.3, height=0.32, width=0.32), level_names)
    elif kind == "dots":
        size_key(ax, top, bar_height + 0.3, rule)
    return finish(ax, show, view)


def _called(
    view: RunView, numbers: np.ndarray, cell_groups: str, categories: pd.Index
) -> tuple[np.ndarray | None, str | None]:
    """Which genes the replicate test within the categories calls, and the rule; None where the run has none of them."""
    if not view.has("group_qvalue") or view.run.params.get("cell_groups") != cell_groups:
        return None, None
    level = view.run.params["fdr_threshold"]
    q = np.column_stack([view.of_category("qvalue", category)[numbers] for category in categories])
    return q <= level, f"q ≤ {level:g}"


def _order(shown: tuple[pd.DataFrame, ...], cluster: bool | str) -> tuple[np.ndarray, np.ndarray]:
    """Positions of genes and categories."""
    n, m = shown[0].shape
    rows = cluster_order(np.hstack([f.to_numpy() for f in shown])) if cluster in (True, "genes") else np.arange(n)
    stacked = np.vstack([f.to_numpy() for f in shown]).T
    return rows, cluster_order(stacked) if cluster in (True, "categories") else np.arange(m)


def _named_levels(
    view: RunView, levels: tuple[Any, ...] | None
) -> tuple[tuple[str, object, object] | None, tuple[str, ...]]:
    """Column and levels to compare, None for the conditions of the run, and what they are called."""
    if levels is None and view.effect is not None:
        return None, ("", view.difference)
    if levels is None:
        return None, (view.reference, view.group)
    key, *rest = levels or (None,)
    named = rest[0] if len(rest) == 1 and isinstance(rest[0], Mapping) else {str(label): str(label) for label in rest}
    if not isinstance(key, str) or len(named) != 2:
        raise ValueError(
            '`levels` is an obs column and two of its categories, such as ("sex", "female", "male") or '
            f'("sex", {{"F": "female", "M": "male"}}), not {levels!r}.'
        )
    first, second = named
    own = (key, str(first), str(second)) == (view.groupby, *view.roles.values())
    return None if own else (key, first, second), (str(named[first]), str(named[second]))


def _patches(ax: Axes, shown: tuple[pd.DataFrame, ...], kws: Mapping[str, Any], *, signed: bool) -> Any:
    """One collection of squares (one table), triangles (two) or strips (more); missing values are grey."""
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    # the y axis points down: (-, -) is the upper left corner
    shapes = [corners[[0, 1, 3]], corners[[1, 2, 3]]] if len(shown) == 2 else _strips(corners, len(shown))
    rows, columns = np.indices(shown[0].shape)
    centers = np.column_stack([columns.ravel(), rows.ravel()])
    polygons = np.concatenate([centers[:, None, :] + shape for shape in shapes])
    values = np.ma.masked_invalid(np.concatenate([f.to_numpy().ravel() for f in shown]))
    scale = color_scale(values.filled(np.nan), kws, signed=signed)
    colors = mpl.colormaps.get_cmap(scale["cmap"]).with_extremes(bad=shade(0.15))
    options: dict[str, Any] = {"edgecolors": "face", "linewidths": 0.6, "norm": scale.get("norm")} | without_scale(kws)
    drawn = PolyCollection(list(polygons), array=values, cmap=colors, **options)
    if "norm" not in scale:
        drawn.set_clim(scale["vmin"], scale["vmax"])
    ax.add_collection(drawn, autolim=False)
    # white between the cells, nothing on the diagonal, so that the two halves read as one cell
    n, m = shown[0].shape
    ax.hlines(np.arange(n - 1) + 0.5, -0.5, m - 0.5, color=paper(), linewidth=1.5)
    ax.vlines(np.arange(m - 1) + 0.5, -0.5, n - 0.5, color=paper(), linewidth=1.5 if len(shown) < 3 else 3.0)
    return drawn


def _strips(corners: np.ndarray, n: int) -> list[np.ndarray]:
    """A cell cut into strips from left to right."""
    return [corners * [1 / n, 1] + [(number + 0.5) / n - 0.5, 0] for number in range(n)]


def _inset(ax: Axes, *, top: float, height: float, width: float) -> Axes:
    """Axes to the right, in inches from the upper right corner."""
    return ax.inset_axes((0.15, -(top + height), width, height), transform=corner_inches(ax))


def _split_key(key: Axes, names: tuple[str, ...]) -> None:
    """A cell of the heatmap, with the name of each half."""
    for half, corners in enumerate(([(0, 0), (0, 1), (1, 1)], [(0, 0), (1, 0), (1, 1)])):
        key.fill(*zip(*corners, strict=True), color=shade((0.15, 0.45)[half]), linewidth=0)
    key.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    for spine in key.spines.values():
        spine.set_linewidth(0.5)
    key.text(1.2, 0.95, f"upper left: {names[0]}", fontsize=SMALL, va="top")
    key.text(1.2, 0.05, f"lower right: {names[1]}", fontsize=SMALL, va="bottom")


def _strip_key(key: Axes, names: tuple[str, ...]) -> None:
    """A cell of the heatmap in strips, with their names in the same order."""
    for number in range(len(names)):
        key.axvspan(number, number + 1, color=shade(0.1 + 0.4 * number / max(len(names) - 1, 1)), linewidth=0)
    key.set(xticks=[], yticks=[], xlim=(0, len(names)), ylim=(0, 1))
    for spine in key.spines.values():
        spine.set_linewidth(0.5)
    key.text(1.1, 0.95, "left to right:", transform=key.transAxes, fontsize=SMALL, va="top")
    for number, name in enumerate(names):
        key.annotate(
            name, (1.1, 0.95), xytext=(0, -1.25 * SMALL * (number + 1)), xycoords="axes fraction",
            textcoords="offset points", fontsize=SMALL, va="top",
        )  # fmt: skip
