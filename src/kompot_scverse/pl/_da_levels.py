"""Cells of a differential abundance that tests several coefficients together: how much they differ, and the highest level."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kompot_scverse._runs.da_calls import heights
from kompot_scverse._runs.view import RunView

from ._da import AXIS
from ._scatter import scatter
from ._style import NEUTRAL, category_colors, dot, finish, line, name_axes, new_axes, outside_legend
from ._theme import shade

HIGHEST = "highest at {}"


@dataclass(frozen=True)
class LevelCalls:
    """Which cells differ between the levels, and where they are most abundant."""

    q: np.ndarray
    cells: np.ndarray
    """Cells of the run that have a result."""
    found: np.ndarray
    """Cells with a small q."""
    level: float
    """Largest q of these."""
    highest: pd.Series
    colors: dict[Any, Any]
    """Of the levels."""

    def names(self) -> pd.Series:
        """What each cell is: its highest level, or neutral."""
        texts = [HIGHEST.format(name) for name in self.highest.cat.categories]
        found = np.where(self.found, np.array(texts, dtype=object)[self.highest.cat.codes], "neutral")
        return pd.Series(found, index=self.highest.index).where(self.cells)


def level_calls(view: RunView, max_fdr: float | None = None) -> LevelCalls:
    """
    Read the cells of a run about an effect with several coefficients.

    Parameters
    ----------
    view
        A da run.
    max_fdr
        Largest q-value; None for that of the run.
    """
    if not view.has("lfc_qvalue"):
        raise LookupError(
            f"No q-values of {view.name}, so nothing says which cells differ; call `kp.tl.da(..., sample_key=...)`, or draw "
            '`kp.pl.embedding(color="largest_lfc")`.'
        )
    q, highest = view.numbers("lfc_qvalue"), view.read("highest").astype("category")
    cells = np.logical_or(*view.conditions()) & np.isfinite(q) & highest.notna().to_numpy()
    level = float(view.run.params["fdr_threshold"] if max_fdr is None else max_fdr)
    colors = category_colors(view.data, "", highest.cat.categories)
    return LevelCalls(q, cells, cells & (q <= level), level, highest, colors)


def scatter_levels(
    ax: Axes, points: np.ndarray, drawn: np.ndarray, found: np.ndarray, highest: pd.Series, colors: dict[Any, Any],
    rest: str, kws: dict[str, Any], *, size: float = 6.0,
) -> list[Any]:  # fmt: skip
    """Points coloured by their highest level where they are found, and the entries of the legend."""
    others, handles = drawn & ~found, []
    scatter(ax, points[others, 0], points[others, 1], NEUTRAL, kws, s=6.0, zorder=1)
    for name, color in colors.items():
        own = drawn & found & (highest == name).to_numpy()
        scatter(ax, points[own, 0], points[own, 1], color, kws, s=size, zorder=2)
        handles.append(dot(color, f"{HIGHEST.format(name)} ({own.sum():,})"))
    return [*handles, dot(NEUTRAL, f"{rest} ({others.sum():,})")]


def threshold_line(ax: Axes, height: float, text: str) -> Any:
    """A dashed line, and its entry of the legend."""
    ax.axhline(height, color=shade(0.6), linewidth=0.8, linestyle="--", zorder=0)
    return line(text)


def draw_levels(view: RunView, max_fdr: float | None, ax: Axes | None, show: bool | None, kws: dict[str, Any]) -> Axes:
    """The volcano plot: the largest difference between levels, coloured by the highest."""
    calls, size = level_calls(view, max_fdr), view.numbers("largest_lfc")
    x = "largest difference of the log density between levels"
    if not (size[calls.cells] > 0).any() and view.has("neighborhood_largest_lfc"):
        # the fields of the density do not differ, so that only the test says by how much
        size, x = view.numbers("neighborhood_largest_lfc"), f"{x},\nby the replicate test"
    height = heights(view, "qvalue")
    ax = new_axes(ax, 6.4, 4.2)
    points = np.column_stack([size, height])
    handles = scatter_levels(ax, points, calls.cells, calls.found, calls.highest, calls.colors, "neutral", kws)
    handles.append(threshold_line(ax, -np.log10(calls.level), f"q = {calls.level:g}"))
    ax.set_xlim(0, 1.05 * size[calls.cells].max(initial=0) or 1)
    ax.set_ylim(0, 1.08 * max(height[calls.cells].max(initial=0), -np.log10(calls.level)))
    name_axes(ax, title=view.title, x=x, y=AXIS["qvalue"])
    outside_legend(ax, handles, "cells")
    return finish(ax, show, view)
