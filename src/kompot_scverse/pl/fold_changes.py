"""Fold changes of two contrasts against one another."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kompot_scverse._arguments import check_not_negative
from kompot_scverse._data.features import feature_names, feature_numbers
from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.view import RunView

from ._artist import check_keywords
from ._labels import label_points, points_to_label
from ._scatter import scatter
from ._style import NEUTRAL, OKABE_ITO, dot, finish, line, name_axes, new_axes, outside_legend
from ._theme import shade
from ._values import some_numbers

SELECTORS = ("run_id", "key_added", "group")


def fold_changes(
    data: Data,
    *,
    x: int | str | Mapping[str, Any],
    y: int | str | Mapping[str, Any],
    mod: str | None = None,
    cell_group: object = None,
    labels: int | str | Sequence[str] = 10,
    gene_symbols: str | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    text_kws: Mapping[str, Any] | None = None,
    **scatter_kws: Any,
) -> Axes:
    """
    Mean log fold change of every gene in one contrast against that in another.

    Parameters
    ----------
    data
        Annotated data with runs of :func:`kompot_scverse.tl.de`.
    x, y
        The two contrasts: the number of a run, the group of a contrast, or what chooses a run elsewhere, such as
        `{"key_added": "treated", "group": "Old"}`.
    mod
        Modality of a MuData.
    cell_group
        A category of the `cell_groups` of both runs: fold changes and calls within it.
    labels
        Number of genes to label, those that are called in either contrast and farthest from the origin, or the genes.
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
    The axes. Colours say in which contrasts a gene is called differentially expressed; r in the legend is the correlation of all
    genes drawn. Both axes have one scale, and the dashed line is where the fold changes are equal.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", layer="logged_counts", sample_key="Replicate")
    >>> ax = kp.pl.fold_changes(adata, x="Mid", y="Old", labels=5)
    """
    check_keywords(fold_changes, scatter_kws, "PathCollection", scale=False)
    check_not_negative("labels", labels if isinstance(labels, int | np.integer) else None)
    views = [_chosen(data, name, which, mod) for name, which in (("x", x), ("y", y))]
    first, second = views
    if first.data.n_vars != second.data.n_vars or first.mod != second.mod:
        raise ValueError(f"{first.name} and {second.name} are of different features; name one modality as `mod=`.")
    wanted = labels if isinstance(labels, int | np.integer) else feature_numbers(first.data, labels, gene_symbols)
    points = np.column_stack([_change(view, cell_group) for view in views])
    called = [_called(view, cell_group) for view in views]
    drawn = np.isfinite(points).all(axis=1)
    if not drawn.any():
        raise ValueError(f"No gene has a fold change in both {first.name} and {second.name}.")

    ax = new_axes(ax, 6.0, 4.2)
    names = [_short(view, first.title == second.title) for view in views]
    kinds = [
        ("neither", ~called[0] & ~called[1], NEUTRAL),
        (f"{names[0]} only", called[0] & ~called[1], OKABE_ITO[0]),
        (f"{names[1]} only", called[1] & ~called[0], OKABE_ITO[1]),
        ("both", called[0] & called[1], OKABE_ITO[2]),
    ]
    handles: list[Any] = []
    for number, (text, chosen, color) in enumerate(kinds):
        own = points[drawn & chosen]
        scatter(ax, own[:, 0], own[:, 1], color, scatter_kws, s=12.0 if number else 6.0, zorder=1 + number / 4)
        handles.insert(0, dot(color, f"{text} ({len(own):,})"))
    bound = 1.12 * (np.abs(points[drawn]).max() or 1.0)
    ax.set(xlim=(-bound, bound), ylim=(-bound, bound), aspect="equal")
    for draw in (ax.axhline, ax.axvline):
        draw(0, color=shade(0.6), linewidth=0.6, zorder=0)
    ax.axline((0, 0), slope=1, color=shade(0.6), linewidth=0.8, linestyle="--", zorder=0)
    handles.append(line("equal"))
    r = np.corrcoef(points[drawn].T)[0, 1] if drawn.sum() > 2 and (np.ptp(points[drawn], axis=0) > 0).all() else np.nan
    place = "mean log fold change" if cell_group is None else f"mean log fold change in {cell_group}"
    name_axes(ax, title=f"r = {r:.2f}", x=f"{place}\n{names[0]}", y=f"{place}\n{names[1]}")
    outside_legend(ax, handles, "called in")

    distance = np.linalg.norm(np.where(drawn[:, None], points, 0.0), axis=1)
    chosen = points_to_label(wanted, distance, drawn & (called[0] | called[1]))
    chosen = chosen[drawn[chosen]]
    texts = list(feature_names(first.data, gene_symbols)[chosen])
    label_points(ax, points[chosen, 0], points[chosen, 1], texts, points[drawn], np.ones(drawn.sum()), text_kws)
    return finish(ax, show, *views)


def _chosen(data: Any, name: str, which: int | str | Mapping[str, Any], mod: str | None) -> RunView:
    """The run that one of the axes is of."""
    if isinstance(which, Mapping):
        unknown = [key for key in which if key not in SELECTORS]
        if unknown:
            raise ValueError(f"`{name}` chooses a run by {', '.join(map(repr, SELECTORS))}, not by {unknown[0]!r}.")
        chosen = dict(which)
    else:
        chosen = {"group": which} if isinstance(which, str) else {"run_id": int(which)}
    view = find_view(data, "de", mod=mod, **chosen)
    view.check_one_modality()
    return view


def _change(view: RunView, cell_group: object) -> np.ndarray:
    return some_numbers(view, "mean_lfc") if cell_group is None else view.of_category("mean_lfc", cell_group)


def _called(view: RunView, cell_group: object) -> np.ndarray:
    """Genes that the run calls; within a category by its q-value, or where that has none, the run's genes."""
    if cell_group is not None and view.has("group_qvalue"):
        return view.of_category("qvalue", cell_group) <= view.run.params["fdr_threshold"]
    if view.has("is_de"):
        return view.read("is_de").to_numpy(dtype=bool)
    return np.zeros(view.data.n_vars, dtype=bool)


def _short(view: RunView, alike: bool) -> str:
    """The contrast, with the number of the run where both are of one."""
    return f"{view.title} (run {view.run.run_id})" if alike else view.title
