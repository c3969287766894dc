"""Samples of a run as points in categories."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kompot_scverse._runs.run_samples import Samples
from kompot_scverse._runs.view import RunView

from ._style import NORMAL, SMALL, category_colors, dot, line
from ._theme import shade

ABOVE_NOTES = 6 + 1.4 * SMALL
"""Points between the axes and a title that stands above the notes."""
LEVEL = 0.12
"""Inches by which a category is wider for each level beyond two."""
WIDTH = 0.34
"""Half the width that the samples take."""
GAP = 0.82
"""Share of the room of a level that its samples take."""


def draw_strips(
    ax: Axes, samples: Samples, values: pd.DataFrame, view: RunView, notes: list[str], kws: dict[str, Any]
) -> None:
    """
    A point per sample and category, with a bar at the mean of each condition or level and a line between samples of one label.

    Parameters
    ----------
    ax
        Where.
    samples
        The samples.
    values
        Samples × categories.
    view
        The run, for the colours.
    notes
        A text over each category.
    kws
        For the points.
    """
    colors, offsets = level_colors(samples, view), strip_places(samples)
    options: dict[str, Any] = {
        "marker": "o",
        "linestyle": "",
        "markersize": 4.0,
        "markeredgewidth": 0,
        "zorder": 3,
    } | kws
    table = values.to_numpy(dtype=np.float64)
    joined = [np.flatnonzero(samples.labels == label) for label in np.unique(samples.labels)]
    half = GAP * WIDTH / len(samples.levels)
    for number in range(values.shape[1]):
        x, own = number + offsets, table[:, number]
        for code, name in enumerate(samples.levels):
            side = samples.level == code
            if not side.any():
                continue
            ax.plot(x[side], own[side], **({"color": colors[name], "label": f"_{name}"} | options))
            level, center = np.nanmean(own[side]) if np.isfinite(own[side]).any() else np.nan, _center(samples, code)
            ends = [number + center - half, number + center + half]
            ax.plot(ends, [level] * 2, color=colors[name], linewidth=2.2, zorder=2)
        for one in joined:
            if len(one) > 1:
                one = one[np.argsort(x[one])]
                ax.plot(x[one], own[one], color=shade(0.6), linewidth=0.6, alpha=0.5, zorder=1, label="_pair")
    for number, note in enumerate(notes):
        ax.text(number, 1.0, note, transform=ax.get_xaxis_transform(), fontsize=SMALL - 1, ha="center", va="bottom")
    names = [str(name) for name in values.columns]
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=NORMAL)
    ax.set_xlim(-0.6, len(names) - 0.4)


def strip_places(samples: Samples) -> np.ndarray:
    """Where each sample stands about the middle of a category: levels side by side, in each the samples in their order."""
    places = np.zeros(len(samples.labels))
    half = GAP * WIDTH / len(samples.levels)
    # the samples of one label have the same place in all levels, unless they stand in the order of a number
    label = np.unique(samples.labels, return_inverse=True)[1].astype(np.float64)
    for code in range(len(samples.levels)):
        side = samples.level == code
        order, every = (samples.order[side],) * 2 if samples.ordered else (label[side], label)
        if len(order):
            middle, reach = (every.max() + every.min()) / 2, max(np.ptp(every) / 2, 1.0)
            places[side] = _center(samples, code) + (order - middle) / reach * half
    return places


def _center(samples: Samples, code: int) -> float:
    """The middle of the room of a level."""
    n = len(samples.levels)
    return WIDTH * ((2 * code + 1) / n - 1)


def level_colors(samples: Samples, view: RunView) -> dict[Any, Any]:
    """Colours of the levels: of a number from dark to light, else those of the categories."""
    if not samples.ordered:
        return category_colors(view.data, samples.variable, pd.Index(samples.levels))
    scale = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(samples.levels)))
    return {name: mpl.colors.to_hex(color) for name, color in zip(samples.levels, scale, strict=True)}


def strip_handles(samples: Samples, view: RunView) -> list[Any]:
    """Entries of the legend of :func:`draw_strips`."""
    colors = level_colors(samples, view)
    handles: list[Any] = [
        dot(
            colors[name], f"{name} ({(samples.level == code).sum()} samples)", linestyle="-", markersize=4, linewidth=2.2,
            markeredgewidth=None,
        )
        for code, name in enumerate(samples.levels)
    ]  # fmt: skip
    if len(np.unique(samples.labels)) < len(samples.labels):
        handles.append(line(f"same {samples.shared}", "-"))
    return handles
