"""Colours, sizes and small steps that all plots share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from kompot_scverse._data.tables import column_of
from kompot_scverse._runs.view import RunView

from ._theme import shade

# ends of RdBu_r, which the common kinds of colour blindness tell apart
UP, DOWN, NEUTRAL = "#B2182B", "#2166AC", "#B4B4B4"
UNSUPPORTED = "0.78"
"""Of cells whose values are extrapolated."""
DIRECTION_COLORS = {"down": DOWN, "neutral": NEUTRAL, "up": UP}
# Okabe & Ito, in an order that keeps neighbours apart; the yellow is darkened for white paper
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B8A800", "#555555")

SMALL, NORMAL, TITLE = 8.0, 9.0, 10.0
"""Font sizes in points."""
LETTER = 0.066
"""Width of a letter of size `SMALL` in inches, rather more than less."""
PER_COLUMN = 15
"""Entries of a legend in one column."""
RASTERIZE = 50_000
"""Number of points above which a scatter becomes an image in vector formats."""


def new_axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes given, or those of a new figure that leaves room for what stands outside."""
    if ax is not None:
        return ax
    _, ax = plt.subplots(figsize=chosen_size() or (width, height), layout=layout())
    return ax


def chosen_size() -> tuple[float, float] | None:
    """Size of a figure that the user has set in matplotlib's `rcParams`; None where it is matplotlib's own."""
    size = tuple(mpl.rcParams["figure.figsize"])
    return None if size == tuple(mpl.rcParamsDefault["figure.figsize"]) else size


def grid(names: Iterable[str], columns: int, width: float, height: float) -> dict[str, Axes]:
    """Panels of a new figure by name, each of a size in inches, or of the one that the user has set for figures."""
    names = list(names)
    rows = -(-len(names) // columns)
    width, height = chosen_size() or (width, height)
    size = (width * columns, height * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout=layout(), squeeze=False)
    for unused in axes.ravel()[len(names) :]:
        figure.delaxes(unused)
    return dict(zip(names, axes.ravel(), strict=False))


def layout() -> Any:
    """Constrained layout with a margin wide enough for text that is drawn a little larger than measured."""
    return ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)


def finish(result: Any, show: bool | None, *views: RunView) -> Any:
    """Warn of what later runs have overwritten of what was drawn, and show if asked to."""
    for view in views:
        view.warn()
    if show:
        plt.show()
    return result


def name_axes(ax: Axes, *, title: str, x: str, y: str = "") -> None:
    """Title and names of the axes, of which only the left and the lower have a line."""
    ax.set_title(title, fontsize=TITLE)
    ax.set_xlabel(x, fontsize=NORMAL)
    ax.set_ylabel(y, fontsize=NORMAL)
    despine(ax)


def name_rows(ax: Axes, names: Sequence[str]) -> None:
    """Names of horizontal bars, from top to bottom."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0, labelsize=NORMAL)


def despine(ax: Axes) -> None:
    """Only the left and the lower line, and small tick labels."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.tick_params(labelsize=SMALL)


def outside_legend(ax: Axes, handles: Sequence[Any], title: str | None = None, *, pad: float = 0.06) -> None:
    """A legend to the right of the axes, `pad` inches away, in columns of at most `PER_COLUMN`."""
    legend = ax.legend(
        handles=handles,
        title=title,
        loc="upper left",
        bbox_to_anchor=(pad, 0.0),
        bbox_transform=corner_inches(ax),
        borderaxespad=0,
        frameon=False,
        fontsize=SMALL,
        title_fontsize=NORMAL,
        ncols=1 + (len(handles) - 1) // PER_COLUMN,
        handletextpad=0.4,
    )
    legend.set_in_layout(True)
    legend.set_alignment("left")


def below_legend(ax: Axes, handles: Sequence[Any]) -> None:
    """A legend to the right of the lower end of the axes, below a colour bar."""
    legend = ax.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.0, 0.07), frameon=False, fontsize=SMALL, handletextpad=0.2
    )
    legend.set_in_layout(True)


def legend_width(names: Sequence[object], title: str | None = None) -> float:
    """About how many inches :func:`outside_legend` will take."""
    if not len(names):
        return 0.0
    columns = 1 + (len(names) - 1) // PER_COLUMN
    return max(columns * (0.32 + LETTER * max(len(str(name)) for name in names)), LETTER * len(title or ""))


def dot(color: Any, label: str, **style: Any) -> Any:
    """A legend entry for points."""
    plain = {"marker": "o", "linestyle": "", "color": color, "markersize": 5, "markeredgewidth": 0}
    return Line2D([], [], label=label, **(plain | style))


def line(label: str, style: Literal["-", "--"] = "--") -> Any:
    """A legend entry for a threshold."""
    return Line2D([], [], color=shade(0.6), linewidth=0.8, linestyle=style, label=label)


def category_colors(data: Any, key: str, categories: pd.Index) -> dict[Any, Any]:
    """Colour of each category: the palette stored with the data, else one for colour-blind eyes."""
    names = [str(category) for category in categories]
    if set(names) <= set(DIRECTION_COLORS):
        return {category: DIRECTION_COLORS[str(category)] for category in categories}
    stored = data.uns.get(f"{key}_colors")
    if stored is not None:
        everything = column_of(data.obs, key).astype("category").cat.categories
        if isinstance(stored, Mapping):
            return {category: stored.get(category, NEUTRAL) for category in categories}
        if len(stored) >= len(everything):
            known = dict(zip(everything, stored, strict=False))
            return {category: known[category] for category in categories}
    if len(categories) <= len(OKABE_ITO):
        return dict(zip(categories, OKABE_ITO, strict=False))
    from scanpy.plotting import palettes

    many = next(
        (p for p in (palettes.default_20, palettes.default_28) if len(categories) <= len(p)), palettes.default_102
    )
    return {category: many[number % len(many)] for number, category in enumerate(categories)}


def percentile_limits(
    values: np.ndarray, vmin: float | str | None, vmax: float | str | None, *, signed: bool
) -> tuple[float, float]:
    """
    Limits of a colour scale.

    Parameters
    ----------
    values
        What is drawn.
    vmin, vmax
        Numbers, percentiles such as "p1", or None for the 1st and 99th (all, if there are few values).
    signed
        Whether the scale is to be centred at zero; then the wider side counts for both.
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return (-1.0, 1.0) if signed else (0.0, 1.0)
    tail = 1.0 if finite.size >= 100 else 0.0
    low = _limit(finite, vmin, tail, "vmin")
    high = _limit(finite, vmax, 100 - tail, "vmax")
    if signed:
        # a limit that the user set alone counts for both sides
        sides = [abs(side) for side, given in ((low, vmin), (high, vmax)) if given is not None] or [abs(low), abs(high)]
        bound = max(sides) or 1.0
        return -bound, bound
    return (low, high) if high > low else (low, low + 1.0)


def _limit(values: np.ndarray, given: float | str | None, default: float, argument: str) -> float:
    if given is None:
        return float(np.percentile(values, default))
    if isinstance(given, str):
        try:
            percentile = float(given.removeprefix("p"))
        except ValueError:
            percentile = -1
        if not given.startswith("p") or not 0 <= percentile <= 100:
            raise ValueError(f'`{argument}` must be a number or a percentile such as "p1", not {given!r}.')
        return float(np.percentile(values, percentile))
    return float(given)


def small_colorbar(ax: Axes, mappable: Any, label: str, *, pad: float | None = None) -> Any:
    """A colour bar beside the axes, or a short one `pad` inches away from their upper right corner; returns its axes."""
    if pad is None:
        inset = ax.inset_axes((1.03, 0.1, 0.035, 0.8))
    else:
        inset = ax.inset_axes((pad, -1.5, 0.12, 1.4), transform=corner_inches(ax))
    fill_colorbar(inset, mappable, label)
    return inset


def fill_colorbar(inset: Axes, mappable: Any, label: str, *, extendfrac: float = 0.06) -> None:
    """A scale in axes of its own, with pointed ends where values lie beyond it."""
    bar = inset.figure.colorbar(mappable, cax=inset, extend=beyond(mappable), extendfrac=extendfrac)
    bar.outline.set_linewidth(0.5)
    inset.tick_params(labelsize=SMALL, width=0.5, length=3)
    bar.set_label(label, fontsize=SMALL)


def beyond(mappable: Any) -> Literal["neither", "min", "max", "both"]:
    """At which ends of the colour scale values are cut off, for the arrows of the colour bar."""
    values = np.ma.masked_invalid(mappable.get_array()).compressed()
    low, high = mappable.norm.vmin, mappable.norm.vmax
    if values.size == 0 or low is None or high is None:
        return "neither"
    room = 1e-6 * (high - low)
    cut = (bool(values.min() < low - room), bool(values.max() > high + room))
    ends: dict[tuple[bool, bool], Literal["neither", "min", "max", "both"]] = {
        (True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither",
    }  # fmt: skip
    return ends[cut]


def corner_inches(ax: Axes) -> Any:
    """Coordinates in inches from the upper right corner of the axes, whatever their size."""
    figure = ax.figure.get_figure(root=True)
    corner: Any = ax.transAxes
    return figure.dpi_scale_trans + ScaledTranslation(1, 1, corner)
