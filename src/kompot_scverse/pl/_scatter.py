"""Scatters of cells or genes coloured by a column."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from ._artist import color_scale, without_scale
from ._labels import label_points
from ._style import (
    NEUTRAL,
    OKABE_ITO,
    RASTERIZE,
    UNSUPPORTED,
    below_legend,
    category_colors,
    dot,
    legend_width,
    outside_legend,
    small_colorbar,
)
from ._theme import shade

SEED = 0


def point_size(n: int) -> float:
    """Area of a point, in square points."""
    return float(np.clip(40_000 / max(n, 1), 1.0, 24.0))


def scatter(
    ax: Axes, x: np.ndarray, y: np.ndarray, color: Any, kws: Mapping[str, Any] | None = None, **own: Any
) -> Any:
    """Points without edges, as an image if there are very many."""
    options: dict[str, Any] = {"s": point_size(len(x)), "linewidths": 0, "rasterized": len(x) > RASTERIZE}
    return ax.scatter(x, y, c=color, **(options | own | dict(kws or {})))


def color_legend_width(values: pd.Series, label: str) -> float:
    """About how many inches the legend of :func:`color_scatter` will take."""
    if _is_numeric(values):
        return 0.8
    return legend_width(values.dropna().unique().tolist(), label)


def _is_numeric(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)


def shuffled(n: int) -> np.ndarray:
    """A fixed random order, so that no category lies on top of the others."""
    return np.random.default_rng(SEED).permutation(n)


def color_scatter(
    ax: Axes,
    points: np.ndarray,
    values: pd.Series | np.ndarray,
    *,
    data: Any,
    key: str,
    label: str,
    signed: bool = False,
    shown: np.ndarray | None = None,
    unsupported: np.ndarray | None = None,
    palette: Mapping[Any, Any] | None = None,
    background: bool = True,
    legend: bool = True,
    on_data: bool = False,
    pad: float | None = None,
    kws: Mapping[str, Any] | None = None,
) -> Any:
    """
    Draw points coloured by a column: categories with a legend, numbers with a colour bar.

    Parameters
    ----------
    ax
        Where.
    points
        Points × 2.
    values
        One per point; missing ones go to the grey background.
    data, key
        Where a stored palette is looked up.
    label
        Title of the legend or the colour bar.
    signed
        Whether the colours are centred at zero.
    shown
        Which points are in the foreground; None for all.
    unsupported
        Which points have values that are extrapolated: drawn in grey, with an entry of the legend that says so.
    palette
        Colour of each category, instead of the stored ones.
    background
        Whether the others are drawn in grey.
    legend
        Whether to draw a legend or a colour bar.
    on_data
        Whether to write the names of many categories on their points, since no palette makes them all distinguishable.
    pad
        Inches between the axes and the legend, where something else stands there.
    kws
        For `ax.scatter`; `vmin` and `vmax` may be percentiles.
    """
    scale, kws = kws or {}, without_scale(kws)
    values = pd.Series(np.asarray(values) if not isinstance(values, pd.Series) else values.array)
    front = values.notna().to_numpy() & np.isfinite(points).all(axis=1)
    if shown is not None:
        front &= shown
    size: dict[str, Any] = {"s": point_size(len(points)), "rasterized": len(points) > RASTERIZE}
    if unsupported is not None and (front & unsupported).any():
        own, front = points[front & unsupported], front & ~unsupported
        scatter(ax, own[:, 0], own[:, 1], UNSUPPORTED, kws, **(size | {"zorder": 1.5, "label": "_unsupported"}))
        if legend:
            below_legend(ax, [dot(UNSUPPORTED, "hardly any cells\nof one side")])
    if background and not front.all():
        scatter(
            ax, points[~front, 0], points[~front, 1], shade(0.08), kws, **(size | {"zorder": 1, "label": "_background"})
        )
    if not _is_numeric(values):
        drawn, handles = _categories(ax, points, values, front, data, key, size, kws, palette)
        if on_data and len(handles) > len(OKABE_ITO):
            _name_on_data(ax, points[front], values[front])
        if legend:
            outside_legend(ax, handles, label, **({} if pad is None else {"pad": pad}))
        return drawn
    numbers = values.to_numpy(dtype=np.float64)
    # the extreme values on top
    order = np.flatnonzero(front)
    order = order[np.argsort(np.abs(numbers[order]) if signed else numbers[order], kind="stable")]
    colors = color_scale(numbers[front], scale, signed=signed)
    drawn = scatter(ax, points[order, 0], points[order, 1], numbers[order], kws, **(size | {"zorder": 2} | colors))
    if legend:
        small_colorbar(ax, drawn, label, pad=pad)
    return drawn


def _categories(
    ax: Axes,
    points: np.ndarray,
    values: pd.Series,
    front: np.ndarray,
    data: Any,
    key: str,
    size: dict[str, Any],
    kws: Mapping[str, Any] | None,
    palette: Mapping[Any, Any] | None,
) -> tuple[Any, list[Any]]:
    """Points and legend entries."""
    values = values.astype("category")
    if not front.all():
        values = values.where(front)
    present = values.cat.remove_unused_categories().cat.categories
    colors = category_colors(data, key, present) if palette is None else palette
    order = shuffled(len(points))
    order = order[front[order]]
    table = np.array([_rgba(colors.get(category, NEUTRAL)) for category in values.cat.categories])
    drawn = scatter(
        ax, points[order, 0], points[order, 1], table[values.cat.codes.to_numpy()[order]], kws, **(size | {"zorder": 2})
    )
    return drawn, [dot(colors[category], str(category)) for category in present]


def _name_on_data(ax: Axes, points: np.ndarray, values: pd.Series) -> None:
    """The name of each category beside the point nearest to the median of its points."""
    names, places = [], []
    for name, own in pd.DataFrame(points).groupby(values.astype(str).to_numpy(), sort=False):
        xy = own.to_numpy()
        names.append(str(name))
        places.append(xy[np.abs(xy - np.median(xy, axis=0)).sum(axis=1).argmin()])
    x, y = np.transpose(places)
    label_points(ax, x, y, names, np.empty((0, 2)), np.empty(0), None, complain=False)


def _rgba(color: Any) -> tuple[float, ...]:
    return to_rgba(color)
