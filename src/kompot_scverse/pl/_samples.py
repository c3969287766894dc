"""Samples of a run as points in categories."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kompot_scverse._runs.run_samples import Samples
from kompot_scverse._runs.view import RunView

from ._style import NORMAL, SMALL, category_colors, line
from ._theme import shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ABOVE_NOTES", "draw_strips", "strip_handles"]

ABOVE_NOTES = 6 + 1.4 * SMALL
"""Points between the axes and a title that stands above the notes."""
DODGE = 0.2
"""Distance of a condition from the middle of a category."""
SPREAD = 0.14
"""Half the width that the samples of a condition take."""


def draw_strips(
    ax: "Axes", samples: Samples, values: pd.DataFrame, view: RunView, notes: list[str], kws: dict[str, Any]
) -> None:
    """
    A point per sample and category, with a bar at the mean of each condition and a line between samples of one label.

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
    colors = category_colors(view.data, view.groupby, pd.Index([view.reference, view.group]))
    order = np.unique(samples.labels, return_inverse=True)[1].astype(float)
    offsets = (order - order.mean()) / max(np.ptp(order) / 2, 1) * SPREAD
    options: dict[str, Any] = {
        "marker": "o",
        "linestyle": "",
        "markersize": 4.0,
        "markeredgewidth": 0,
        "zorder": 3,
    } | kws
    table = values.to_numpy(dtype=np.float64)
    pairs = [np.flatnonzero(samples.labels == label) for label in np.unique(samples.labels)]
    for number in range(values.shape[1]):
        x, own = number + offsets + DODGE * np.where(samples.is_group, 1, -1), table[:, number]
        for side, name in ((~samples.is_group, view.reference), (samples.is_group, view.group)):
            ax.plot(x[side], own[side], **({"color": colors[name], "label": f"_{name}"} | options))
            level, center = np.nanmean(own[side]) if np.isfinite(own[side]).any() else np.nan, np.mean(x[side])
            ax.plot([center - SPREAD, center + SPREAD], [level] * 2, color=colors[name], linewidth=2.2, zorder=2)
        for pair in pairs:
            if len(pair) == 2:
                ax.plot(x[pair], own[pair], color=shade(0.6), linewidth=0.6, alpha=0.5, zorder=1, label="_pair")
    for number, note in enumerate(notes):
        ax.text(number, 1.0, note, transform=ax.get_xaxis_transform(), fontsize=SMALL - 1, ha="center", va="bottom")
    names = [str(name) for name in values.columns]
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=NORMAL)
    ax.set_xlim(-0.6, len(names) - 0.4)


def strip_handles(samples: Samples, view: RunView) -> list[Any]:
    """Entries of the legend of :func:`draw_strips`."""
    from matplotlib.lines import Line2D

    colors = category_colors(view.data, view.groupby, pd.Index([view.reference, view.group]))
    sizes = {view.reference: int((~samples.is_group).sum()), view.group: int(samples.is_group.sum())}
    handles: list[Any] = [
        Line2D([], [], color=colors[name], marker="o", markersize=4, linewidth=2.2, label=f"{name} ({n} samples)")
        for name, n in sizes.items()
    ]
    if len(np.unique(samples.labels)) < len(samples.labels):
        handles.append(line(f"same {view.run.params['sample_key']}", "-"))
    return handles
