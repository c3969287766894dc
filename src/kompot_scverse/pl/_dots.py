"""Dots whose colour is a fold change and whose area is a share of cells, with both keys."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ._artist import color_scale, without_scale
from ._style import SMALL, corner_inches, dot
from ._theme import shade

LARGEST = 130.0
"""Area of a dot for all cells, in square points."""
RING = 14.0
"""What is added to it for the ring of a gene that is called."""


def draw_dots(
    ax: Axes, color: pd.DataFrame, share: pd.DataFrame, kws: Mapping[str, Any], called: np.ndarray | None = None
) -> tuple[Any, float]:
    """Dots at rows and columns, called genes with a ring; returns the dots and the share of the largest one."""
    rows, columns = np.indices(color.shape)
    values, sizes = color.to_numpy(), share.to_numpy()
    top = _round_up(np.nanmax(sizes, initial=0.0))
    shown = np.isfinite(values) & np.isfinite(sizes)
    options: dict[str, Any] = {"linewidths": 0.4, "edgecolors": shade(0.7)}
    options |= color_scale(values, kws, signed=True) | without_scale(kws)
    dots = ax.scatter(columns[shown], rows[shown], s=LARGEST * sizes[shown] / top, c=values[shown], **options)
    if called is not None:
        rings = shown & called
        ax.scatter(
            columns[rings], rows[rings], s=LARGEST * sizes[rings] / top + RING, facecolors="none", edgecolors=shade(1.0),
            linewidths=1.2, label="_called",
        )  # fmt: skip
    gone = ~shown
    ax.scatter(columns[gone], rows[gone], s=12, c=shade(0.4), marker="x", linewidths=0.6)
    ax.set_axisbelow(True)
    return dots, top


def _round_up(share: float) -> float:
    """The next of some round shares."""
    return next((level for level in (0.1, 0.25, 0.5, 0.75) if share <= level), 1.0)


def size_key(ax: Axes, top: float, below: float, rule: str | None = None) -> None:
    """What the areas and rings (by their rule) mean, beside the axes; `below` in inches from its upper right corner."""
    style = {"markeredgecolor": shade(0.7), "markeredgewidth": 0.4}
    handles = [
        dot(shade(0.4), f"{share:.{0 if share >= 0.01 else 1}%}", markersize=np.sqrt(LARGEST * share / top), **style)
        for share in (0.25 * top, 0.5 * top, top)
    ]
    if rule is not None:
        handles.append(dot("none", rule, markeredgecolor=shade(1.0), markeredgewidth=1.2, markersize=8))
    legend = ax.legend(
        handles=handles, title="cells expressing", loc="upper left", bbox_to_anchor=(0.1, -below),
        bbox_transform=corner_inches(ax), frameon=False,
        fontsize=SMALL, title_fontsize=SMALL, borderaxespad=0, labelspacing=0.7,
    )  # fmt: skip
    legend.set_alignment("left")
