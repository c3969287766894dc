"""Genes × categories, each cell split between the two conditions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_arguments
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.view import RunView

from ._artist import check_keywords, color_scale, without_scale
from ._dots import draw_dots, size_key
from ._matrix import cluster_order, frame, gene_table, matrix_height, matrix_size, standardize, top_genes
from ._style import LETTER, SMALL, beyond, corner_inches, finish, new_axes
from ._theme import paper, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["heatmap"]


def heatmap(
    data: Any,
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
    ax: "Axes | None" = None,
    show: bool | None = None,
    **patch_kws: Any,
) -> "Axes":
    """
    Expression of genes in each category, both conditions in one cell of the heatmap.

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
        Genes to draw; None for the `n_genes` with the largest Mahalanobis distance, and "programs" for as many of the programs of
        :func:`kompot_scverse.tl.programs`, one program after the other if `cluster` leaves the genes as they are.
    kind
        "split": mean expression in the reference (upper left) and in the group (lower right); "fold_change": the
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
    check_arguments(heatmap, locals())
    check_keywords(heatmap, patch_kws, "PathCollection" if kind == "dots" else "PolyCollection")
    view = find_view(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    numbers = top_genes(view, genes, n_genes, gene_symbols)
    layer = view.run.params.get("layer") if layer == "run" else layer
    pair, level_names = _named_levels(view, levels, kind)
    shown: tuple[pd.DataFrame, ...]
    table = gene_table(view, numbers, cell_groups, levels=pair, layer=layer, exclude=exclude, gene_symbols=gene_symbols)
    if kind == "split":
        # of one category each gene has two values, which any scale of the gene makes the same for all
        standard_scale = standard_scale if table.fold_change.notna().any().sum() > 1 else None
        shown, label = standardize(table.means, standard_scale)
    else:
        shown, label = (table.fold_change,), "mean log\nfold change"
    rows, columns = _order(shown, cluster)
    shown = tuple(frame_.iloc[rows, columns] for frame_ in shown)

    # the scale, or the key of the halves, whose texts may be long
    beside = 1.2 if kind != "split" else max(1.2, 0.6 + LETTER * (13 + max(map(len, level_names))))
    names, categories = shown[0].index.to_list(), shown[0].columns.to_list()
    ax = new_axes(ax, *matrix_size(names, categories, beside))
    frame(ax, names, categories, level_names)
    signed = kind != "split" or standard_scale == "zscore"
    if kind == "dots":
        called, rule = _called(view, numbers, cell_groups, table.fold_change.columns) if pair is None else (None, None)
        called = None if called is None else called[np.ix_(rows, columns)]
        drawn, top = draw_dots(ax, shown[0], table.share.iloc[rows, columns], patch_kws, called)
    else:
        drawn = _patches(ax, shown, patch_kws, signed=signed)
    bar_height = min(1.0, 0.5 * matrix_height(len(shown[0])))
    colorbar = _inset(ax, top=0.0, height=bar_height, width=0.12)
    _fill_colorbar(colorbar, drawn, label)
    if kind == "split":
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
    view: RunView, levels: tuple[Any, ...] | None, kind: str
) -> tuple[tuple[str, object, object] | None, tuple[str, str]]:
    """Column and levels to compare, None for the conditions of the run, and what they are called."""
    if levels is None and view.effect is not None:
        if kind == "split":
            raise ValueError(
                f"{view.title!r} is an effect of a design without two conditions: pass `kind='fold_change'`, or two categories as "
                "`levels=`."
            )
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


def _patches(ax: "Axes", shown: tuple[pd.DataFrame, ...], kws: Mapping[str, Any], *, signed: bool) -> Any:
    """One collection of triangles (two tables) or squares (one); missing values are grey."""
    import matplotlib as mpl
    from matplotlib.collections import PolyCollection

    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    # the y axis points down: (-, -) is the upper left corner
    shapes = [corners[[0, 1, 3]], corners[[1, 2, 3]]] if len(shown) == 2 else [corners]
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
    ax.vlines(np.arange(m - 1) + 0.5, -0.5, n - 0.5, color=paper(), linewidth=1.5)
    return drawn


def _inset(ax: "Axes", *, top: float, height: float, width: float) -> "Axes":
    """Axes to the right, in inches from the upper right corner."""
    return ax.inset_axes((0.15, -(top + height), width, height), transform=corner_inches(ax))


def _fill_colorbar(inset: "Axes", drawn: Any, label: str) -> None:
    bar = inset.figure.colorbar(drawn, cax=inset, extend=beyond(drawn), extendfrac=0.08)
    bar.outline.set_linewidth(0.5)
    inset.tick_params(labelsize=SMALL, width=0.5, length=3)
    bar.set_label(label, fontsize=SMALL)


def _split_key(key: "Axes", names: tuple[str, str]) -> None:
    """A cell of the heatmap, with the name of each half."""
    for half, corners in enumerate(([(0, 0), (0, 1), (1, 1)], [(0, 0), (1, 0), (1, 1)])):
        key.fill(*zip(*corners, strict=True), color=shade((0.15, 0.45)[half]), linewidth=0)
    key.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    for spine in key.spines.values():
        spine.set_linewidth(0.5)
    key.text(1.2, 0.95, f"upper left: {names[0]}", fontsize=SMALL, va="top")
    key.text(1.2, 0.05, f"lower right: {names[1]}", fontsize=SMALL, va="bottom")
