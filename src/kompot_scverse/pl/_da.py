"""The cells of a differential abundance as points of a volcano plot."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kompot_scverse._data.errors import missing
from kompot_scverse._data.tables import column_of
from kompot_scverse._runs.da_calls import DACalls, da_calls, heights
from kompot_scverse._runs.view import RunView

from ._style import DIRECTION_COLORS, dot, line
from ._theme import shade
from ._values import some_numbers

AXIS = {"tail": "−log10 posterior tail probability", "qvalue": "−log10 q-value between replicates"}


@dataclass(frozen=True)
class DAPoints:
    """Every cell of the data; `cells` says which are drawn."""

    lfc: np.ndarray
    height: np.ndarray
    cells: np.ndarray
    """Cells of the contrast that have a result."""
    calls: DACalls
    """Direction of each cell, and the thresholds."""
    y: Literal["tail", "qvalue"]
    """What the height is."""

    @property
    def xy(self) -> np.ndarray:
        """Points × 2, of the cells drawn."""
        return np.column_stack([self.lfc, self.height])[self.cells]

    @property
    def threshold(self) -> float | None:
        """Threshold of the height; None if the directions rest on the other one."""
        return float(-np.log10(self.calls.level)) if self.y == self.calls.rule else None

    @property
    def min_lfc(self) -> float:
        """Threshold of the absolute log fold change; 0 for none."""
        return self.calls.min_lfc

    def counts(self, cells: np.ndarray | None = None) -> dict[str, int]:
        """Number of cells of each direction."""
        return self.calls.counts(self.cells if cells is None else self.cells & cells)

    def limits(self) -> tuple[float, float]:
        """Largest |x| and y of the axes."""
        xy = self.xy
        wide = max(np.abs(xy[:, 0]).max(initial=0), self.min_lfc)
        return wide * 1.08, max(xy[:, 1].max(initial=0), self.threshold or 0.0, 0.1) * 1.08

    def colors(self, data: Any, color: str | None) -> pd.Series:
        """Values that colour the cells: an obs column, or the direction."""
        if color is None:
            return pd.Series(self.calls.direction)
        if color not in data.obs:
            raise missing("obs column (`color`)", color, data.obs.columns)
        return column_of(data.obs, color).reset_index(drop=True)

    def legend(self, directions: dict[str, str], cells: np.ndarray | None = None) -> list[Any]:
        """Entries of the directions with their numbers, and of the thresholds."""
        counts = self.counts(cells)
        texts = {"up": directions["up"], "down": directions["down"], "neutral": "neutral"}
        handles = [dot(DIRECTION_COLORS[name], f"{text} ({counts[name]:,})") for name, text in texts.items()]
        return [*handles, *self.threshold_line()]

    def threshold_line(self) -> list[Any]:
        """Legend entry of the dashed lines; none if there are none."""
        name = {"tail": "tail probability", "qvalue": "q"}[self.calls.rule]
        texts = [f"|lfc| = {self.min_lfc:g}"] if self.min_lfc > 0 else []
        texts += [f"{name} = {self.calls.level:g}"] if self.threshold is not None else []
        return [line("\n".join(texts))] if texts else []


def da_points(view: RunView, y: Literal["tail", "qvalue"] | None, **limits: float | None) -> DAPoints:
    """
    Read the points of a run.

    Parameters
    ----------
    view
        A da run.
    y
        Statistic on the y axis; None for the one that the directions rest on.
    **limits
        Other thresholds than those of the run, for :func:`kompot_scverse._runs.da_calls.da_calls`.
    """
    lfc, calls = some_numbers(view, "lfc"), da_calls(view, **limits)
    height = heights(view, y or calls.rule)
    cells = np.logical_or(*view.conditions()) & np.isfinite(lfc) & np.isfinite(height)
    return DAPoints(lfc, height, cells, calls, y or calls.rule)


def draw_thresholds(ax: Axes, points: DAPoints) -> None:
    """Dashed lines at both fold changes and at the height."""
    style: dict[str, Any] = {"color": shade(0.6), "linewidth": 0.8, "linestyle": "--", "zorder": 0}
    if points.threshold is not None:
        ax.axhline(points.threshold, **style)
    for sign in (-1, 1) if points.min_lfc > 0 else ():
        ax.axvline(sign * points.min_lfc, **style)
