"""Volcano plot of a differential expression."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from kompot_scverse._arguments import check_not_negative
from kompot_scverse._data.features import feature_names, feature_numbers
from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.view import RunView

from ._artist import check_keywords
from ._da_levels import scatter_levels, threshold_line
from ._gene_regions import RegionOfGenes, gene_regions
from ._labels import label_points, points_to_label
from ._scatter import scatter
from ._style import DOWN, NEUTRAL, UP, category_colors, dot, finish, name_axes, new_axes, outside_legend
from ._theme import shade
from ._values import some_numbers

LOCAL_Z = 2.0
"""|z| from which a gene is coloured in the plot of one category."""
OTHER_WEIGHT = 0.2
"""How much it matters that labels hide no gene without colour, where a coloured one counts 1."""
LOWEST_FDR = 1e-300
"""Rates are drawn no lower, so that a zero has a place."""
AXIS = {
    "mahalanobis": "Mahalanobis distance",
    "local_fdr": "−log10 local FDR",
    "qvalue": "−log10 q-value between replicates",
}


def volcano_de(
    data: Data,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    y: Literal["mahalanobis", "local_fdr", "qvalue"] | None = None,
    color: Literal["direction", "region"] = "direction",
    labels: int | str | Sequence[str] = 10,
    n_top: int = 100,
    cell_group: object = None,
    gene_symbols: str | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    text_kws: Mapping[str, Any] | None = None,
    **scatter_kws: Any,
) -> Axes:
    """
    Mean log fold change of every gene against its q-value between replicates or its Mahalanobis distance.

    Coloured are the genes that the run calls differentially expressed: by the q-value of the replicate test where the
    run has a `sample_key`, else by that of the test of the cells (with `GPSettings.kompot()`, by the local false discovery rate of the
    distance). The legend says which.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de`.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData.
    y
        Mahalanobis distance, or −log10 of the local false discovery rate or of the q-value: of the replicate test or,
        without replicates, of the test of the cells. None: the q-value of the replicate test, which the calls rest on,
        and the distance in runs without a `sample_key`.
    color
        Colour genes by their direction or, in runs with a `sample_key`, by the region that they change in, as in
        :func:`kompot_scverse.get.regions`: the seven regions with most genes, and the others in one colour.
    labels
        Number of genes to label, largest first, or the genes, which are labelled whether significant or not.
    n_top
        Number of genes coloured where the run has no false discovery rate.
    cell_group
        A category of the run's `cell_groups`: draw the statistics within it, with −log10 q as y or, without
        replicates or with another `y`, |z|. Coloured are, with replicates, genes with a small q-value in the category; without, genes that
        are differentially expressed in the run and have |z| ≥ 2 in the category.
    gene_symbols
        Var column with the names to write.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    text_kws
        For `ax.text`.
    **scatter_kws
        For `ax.scatter`, for example `s` or `alpha`.

    Returns
    -------
    The axes.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> ax = kp.pl.volcano_de(adata, labels=5)
    """
    check_keywords(volcano_de, scatter_kws, "PathCollection", scale=False)
    view = find_view(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    check_not_negative("n_top", n_top)
    check_not_negative("labels", labels if isinstance(labels, int | np.integer) else None)
    wanted = labels if isinstance(labels, int | np.integer) else feature_numbers(view.data, labels, gene_symbols)
    if view.omnibus and cell_group is None:
        if color == "region":
            raise ValueError(
                f"{view.name} tests several contrasts together, which are coloured by the highest level; leave `color=` out."
            )
        return _levels(view, wanted, ax, show, gene_symbols, text_kws, scatter_kws)
    if y is None and view.has("qvalue" if cell_group is None else "group_qvalue"):
        y = "qvalue"
    if cell_group is None:
        lfc, height, name, threshold = _global(view, y or "mahalanobis")
        colored, rule = _significant(view, height, n_top)
    else:
        lfc, height, name, threshold = _local(view, cell_group, y)
        colored, rule = _significant_locally(view, cell_group)
    drawn = np.isfinite(lfc) & np.isfinite(height)
    parts = _parts(view, colored, lfc, color)

    ax = new_axes(ax, 6.4, 4.2)
    size = {"s": 6.0, "zorder": 1, "rasterized": drawn.sum() > 50_000}
    others = drawn & ~colored
    scatter(ax, lfc[others], height[others], NEUTRAL, scatter_kws, **size)
    for own in parts:
        chosen = drawn & own.genes
        scatter(ax, lfc[chosen], height[chosen], own.color, scatter_kws, **(size | {"s": 12.0, "zorder": 2}))
    _axes_limits(ax, lfc[drawn], height[drawn], 0.0 if threshold is None else threshold[0])
    ax.axvline(0, color=shade(0.6), linewidth=0.6, zorder=0)
    handles = [dot(own.color, own.label) for own in parts]
    handles.append(dot(NEUTRAL, f"other genes ({others.sum():,})"))
    if threshold is not None:
        handles.append(threshold_line(ax, *threshold))
    title = view.title if cell_group is None else f"{view.title}, {cell_group}"
    name_axes(ax, title=title, x=f"mean log fold change ({view.difference})", y=name)
    outside_legend(ax, handles, rule if color == "direction" else f"region, {rule}")

    _label(ax, view, lfc, height, colored, wanted, gene_symbols, text_kws)
    return finish(ax, show, view)


def _parts(view: RunView, colored: np.ndarray, lfc: np.ndarray, color: str) -> list[RegionOfGenes]:
    """The coloured genes in the parts that have a colour each."""
    if color == "region":
        return gene_regions(view, colored)
    up, down, texts = colored & (lfc > 0), colored & (lfc < 0), view.directions
    return [
        RegionOfGenes(f"{texts['up']} ({up.sum():,})", up, UP),
        RegionOfGenes(f"{texts['down']} ({down.sum():,})", down, DOWN),
    ]


def _label(
    ax: Axes,
    view: RunView,
    x: np.ndarray,
    height: np.ndarray,
    colored: np.ndarray,
    wanted: Any,
    gene_symbols: str | None,
    text_kws: Mapping[str, Any] | None,
) -> None:
    """Write the names of genes beside their points."""
    drawn = np.isfinite(x) & np.isfinite(height)
    chosen = points_to_label(wanted, height, colored)
    chosen = chosen[drawn[chosen]]
    names = feature_names(view.data, gene_symbols)[chosen]
    weights = np.where(colored[drawn], 1.0, OTHER_WEIGHT)
    label_points(ax, x[chosen], height[chosen], list(names), np.column_stack([x, height])[drawn], weights, text_kws)


def _levels(
    view: RunView,
    wanted: Any,
    ax: Axes | None,
    show: bool | None,
    gene_symbols: str | None,
    text_kws: Mapping[str, Any] | None,
    scatter_kws: dict[str, Any],
) -> Axes:
    """Several contrasts tested together: the largest difference between levels, coloured by the highest level."""
    size, level = some_numbers(view, "largest_lfc"), view.run.params["fdr_threshold"]
    cells = view.has("qvalue_cells")
    height = _minus_log10(some_numbers(view, "qvalue_cells" if cells else "qvalue"))
    colored, highest = view.read("is_de").to_numpy(dtype=bool), view.read("highest").astype("category")
    drawn = np.isfinite(size) & np.isfinite(height)
    ax = new_axes(ax, 6.4, 4.2)
    colors, points = category_colors(view.data, "", highest.cat.categories), np.column_stack([size, height])
    handles = scatter_levels(ax, points, drawn, colored, highest, colors, "other genes", scatter_kws, size=12.0)
    _axes_limits(ax, size[drawn], height[drawn], -np.log10(level))
    ax.set_xlim(left=0)
    handles.append(threshold_line(ax, -np.log10(level), f"q = {level:g}"))
    y = "−log10 q-value of the cells" if cells else AXIS["qvalue"]
    name_axes(ax, title=view.title, x="largest difference of the mean log expression between levels", y=y)
    outside_legend(ax, handles, view.title)
    _label(ax, view, size, height, colored, wanted, gene_symbols, text_kws)
    return finish(ax, show, view)


def _global(view: RunView, y: str) -> tuple[np.ndarray, np.ndarray, str, tuple[float, str] | None]:
    """Fold change, y, its name, and the threshold with its text; no threshold where it is on another scale."""
    lfc = some_numbers(view, "mean_lfc")
    level: Any = view.run.params.get("fdr_threshold")
    tested = view.has("qvalue") or view.has("qvalue_cells")
    if y == "qvalue":
        cells = view.has("qvalue_cells")
        q = some_numbers(view, "qvalue_cells" if cells else "qvalue")
        name = "−log10 q-value of the cells" if cells else AXIS[y]
        return lfc, _minus_log10(q), name, (-np.log10(level), f"q = {level:g}")
    if y == "local_fdr":
        fdr = some_numbers(view, "mahalanobis_local_fdr")
        threshold = None if tested else (-np.log10(level), f"local FDR = {level:g}")
        return lfc, _minus_log10(fdr), AXIS[y], threshold
    distance = some_numbers(view, "mahalanobis")
    lowest = None if tested else view.run.summary.get("threshold_distance")
    threshold = None if lowest is None else (lowest, f"local FDR = {level:g}\n(distance {lowest:.2g})")
    return lfc, distance, AXIS[y], threshold


def _local(
    view: RunView, cell_group: object, y: str | None
) -> tuple[np.ndarray, np.ndarray, str, tuple[float, str] | None]:
    """The same within a category."""
    lfc = view.of_category("mean_lfc", cell_group)
    if not np.isfinite(lfc).any():
        raise ValueError(f"{cell_group!r} has too few cells in the samples of {view.title!r} for statistics.")
    level: Any = view.run.params.get("fdr_threshold")
    if y == "qvalue":
        q = view.of_category("qvalue", cell_group)
        return lfc, _minus_log10(q), f"−log10 q-value in {cell_group}", (-np.log10(level), f"q = {level:g}")
    z = np.abs(view.of_category("lfc_zscore", cell_group))
    threshold = (LOCAL_Z, f"|z| = {LOCAL_Z:g}") if not view.has("group_qvalue") else None
    return lfc, z, f"|z| of the mean log fold change in {cell_group}", threshold


def _minus_log10(rate: np.ndarray) -> np.ndarray:
    return -np.log10(np.maximum(rate, LOWEST_FDR))


def _significant(view: RunView, height: np.ndarray, n_top: int) -> tuple[np.ndarray, str]:
    """Which genes are coloured, and the rule in words."""
    if view.has("is_de"):
        colored = view.read("is_de").to_numpy(dtype=bool)
        return colored, f"{_rate(view)} ≤ {view.run.params['fdr_threshold']:g}"
    colored = np.zeros(len(height), dtype=bool)
    colored[points_to_label(n_top, height, np.ones(len(height), dtype=bool))] = True
    return colored, f"top {n_top} genes (run without FDR)"


def _significant_locally(view: RunView, cell_group: object) -> tuple[np.ndarray, str]:
    """The same within a category."""
    if view.has("group_qvalue"):
        level = view.run.params["fdr_threshold"]
        return view.of_category("qvalue", cell_group) <= level, f"q in {cell_group} ≤ {level:g}"
    large = np.abs(view.of_category("lfc_zscore", cell_group)) >= LOCAL_Z
    if not view.has("is_de"):
        return large, f"|z| ≥ {LOCAL_Z:g} (run without FDR)"
    colored, rule = _significant(view, large, 0)
    return colored & large, f"{rule} and |z| ≥ {LOCAL_Z:g}"


def _rate(view: RunView) -> str:
    """What the calls of the run rest on."""
    if view.has("qvalue_cells"):
        return "q of the cells"
    return "q" if view.has("qvalue") else "local FDR"


def _axes_limits(ax: Axes, x: np.ndarray, y: np.ndarray, threshold: float) -> None:
    """Zero in the middle would waste space; only leave room for labels, and for the threshold."""
    if len(x) == 0:
        return
    low, high = min(x.min(), 0), max(x.max(), 0)
    pad = 0.12 * ((high - low) or 1)
    ax.set_xlim(low - pad, high + pad)
    ax.set_ylim(min(0, y.min()), max(y.max(), threshold) * 1.08 or 1)
