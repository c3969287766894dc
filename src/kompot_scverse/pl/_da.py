"""The cells of a differential abundance as points of a volcano plot."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pandas as pd

from kompot_scverse._data.errors import missing
from kompot_scverse._data.tables import column_of
from kompot_scverse._results.da_fields import THRESHOLDS
from kompot_scverse._stats.abundance import DIRECTIONS, direction
from kompot_scverse.settings import TestSettings

from ._fields import RunData
from ._style import DIRECTION_COLORS, dot, line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DAPoints", "da_points"]

CALL = "kp.tl.da(...)"
LOWEST_Q = 1e-300
AXIS = {"tail": "−log10 posterior tail probability", "qvalue": "−log10 q-value between replicates"}


@dataclass(frozen=True)
class DAPoints:
    """Every cell of the data; `cells` says which are drawn."""

    lfc: np.ndarray
    height: np.ndarray
    cells: np.ndarray
    """Cells of the contrast that have a result."""
    calls: pd.Series
    """Direction of each cell."""
    test: TestSettings
    y: Literal["tail", "qvalue"]
    """What the height is."""
    rule: Literal["tail", "qvalue"]
    """What the directions rest on, besides the fold change: the q-value where there are replicates."""

    @property
    def xy(self) -> np.ndarray:
        """Points × 2, of the cells drawn."""
        return np.column_stack([self.lfc, self.height])[self.cells]

    @property
    def threshold(self) -> float | None:
        """Threshold of the height; None if the directions rest on the other one."""
        if self.y != self.rule:
            return None
        return float(-np.log10(_level(self.test, self.rule)))

    @property
    def min_lfc(self) -> float:
        """Threshold of the absolute log fold change; 0 for none."""
        return cast("float", self.test.min_lfc)

    def counts(self, cells: np.ndarray | None = None) -> dict[str, int]:
        """Number of cells of each direction."""
        own = self.cells if cells is None else self.cells & cells
        found = self.calls[own].value_counts()
        return {name: int(found.get(name, 0)) for name in DIRECTIONS}

    def limits(self) -> tuple[float, float]:
        """Largest |x| and y of the axes."""
        xy = self.xy
        wide = max(np.abs(xy[:, 0]).max(initial=0), self.min_lfc)
        return wide * 1.08, max(xy[:, 1].max(initial=0), self.threshold or 0.0, 0.1) * 1.08

    def colors(self, found: RunData, color: str | None) -> pd.Series:
        """What the cells are coloured by: an obs column, or the direction."""
        if color is None:
            return self.calls
        if color not in found.data.obs:
            raise missing("obs column (`color`)", color, found.data.obs.columns)
        return column_of(found.data.obs, color).reset_index(drop=True)

    def legend(self, group: str, cells: np.ndarray | None = None) -> list[Any]:
        """Entries of the directions with their numbers, and of the thresholds."""
        counts = self.counts(cells)
        texts = {"up": f"up in {group}", "down": f"down in {group}", "neutral": "neutral"}
        handles = [dot(DIRECTION_COLORS[name], f"{text} ({counts[name]:,})") for name, text in texts.items()]
        return [*handles, *self.threshold_line()]

    def threshold_line(self) -> list[Any]:
        """Legend entry of the dashed lines; none if there are none."""
        name = {"tail": "tail probability", "qvalue": "q"}[self.rule]
        texts = [f"|lfc| = {self.min_lfc:g}"] if self.min_lfc > 0 else []
        texts += [f"{name} = {_level(self.test, self.rule):g}"] if self.threshold is not None else []
        return [line("\n".join(texts))] if texts else []

    def rule_text(self) -> str:
        """The rule of the directions in words."""
        name = {"tail": "tail prob.", "qvalue": "q"}[self.rule]
        text = f"{name} ≤ {_level(self.test, self.rule):g}"
        return f"|lfc| ≥ {self.min_lfc:g} and {text}" if self.min_lfc > 0 else text


def _level(test: TestSettings, rule: str) -> float:
    return cast("float", test.max_ptp if rule == "tail" else test.threshold)


def da_points(found: RunData, test: TestSettings | None, y: Literal["tail", "qvalue"] | None = None) -> DAPoints:
    """
    Read the points of a run.

    Parameters
    ----------
    found
        A da run.
    test
        Other thresholds than those of the run; the directions follow.
    y
        What the height is; None for what the directions rest on.
    """
    rule: Literal["tail", "qvalue"] = "tail" if found.entry("obs", "lfc_qvalue") is None else "qvalue"
    lfc, height = found.values("obs", "lfc", CALL).to_numpy(dtype=np.float64), _height(found, y or rule)
    given = (test or run_test(found)).of_da(found.run.params.get("method", "density"), replicates=rule == "qvalue")
    if test is None:
        calls = pd.Series(found.values("obs", "lfc_direction", CALL).array)
    else:
        significant = (height if y in (None, rule) else _height(found, rule)) >= -np.log10(_level(given, rule))
        codes = direction(lfc, significant, lfc_threshold=cast("float", given.min_lfc), effect=_effect(found))
        calls = pd.Series(
            pd.Categorical.from_codes(
                np.where(np.isfinite(lfc), codes, -1), categories=pd.Index(DIRECTIONS), ordered=True
            )
        )
    cells = np.logical_or(*found.conditions()) & np.isfinite(lfc) & np.isfinite(height)
    return DAPoints(lfc, height, cells, calls, given, y or rule, rule)


def _height(found: RunData, y: str) -> np.ndarray:
    """−log10 of the tail probability or of q."""
    if y == "tail":
        return found.values("obs", "neg_log10_lfc_ptp", CALL).to_numpy(dtype=np.float64)
    q = found.values("obs", "lfc_qvalue", 'kp.tl.da(..., sample_key="<obs column>")').to_numpy(dtype=np.float64)
    return -np.log10(np.maximum(q, LOWEST_Q))


def run_test(found: RunData) -> TestSettings:
    """The thresholds that the stored directions rest on."""
    replicates = found.entry("obs", "lfc_qvalue") is not None
    given: dict[str, Any] = {name: found.run.params.get(key) for name, key in THRESHOLDS[replicates].items()}
    return TestSettings(**given)


def _effect(found: RunData) -> np.ndarray | None:
    """Effect of the replicate test; None without it, and of runs from before it was written."""
    if found.entry("obs", "neighborhood_lfc") is None:
        return None
    return found.values("obs", "neighborhood_lfc", CALL).to_numpy(dtype=np.float64)


def draw_thresholds(ax: "Axes", points: DAPoints) -> None:
    """Dashed lines at both fold changes and at the height."""
    style: dict[str, Any] = {"color": "0.4", "linewidth": 0.8, "linestyle": "--", "zorder": 0}
    if points.threshold is not None:
        ax.axhline(points.threshold, **style)
    for sign in (-1, 1) if points.min_lfc > 0 else ():
        ax.axvline(sign * points.min_lfc, **style)
