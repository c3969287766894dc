"""Labels that do not overlap."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._style import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["label_points", "points_to_label"]

OBSTACLE_PAIRS = 1500
"""Pairs of labels and points to avoid; adjustText's time grows with the square of their number."""
ROUNDS = 5000
"""Rounds of moving apart, times labels."""
MAX_UNCROSSED = 20
"""Labels up to which lines are kept from crossing."""


def points_to_label(labels: int | Sequence[int] | np.ndarray, score: np.ndarray, eligible: np.ndarray) -> np.ndarray:
    """
    Positions to label: given ones, or the eligible with the largest score.

    Parameters
    ----------
    labels
        Number, or positions that are labelled whatever their score.
    score
        One per point.
    eligible
        Which points may be chosen.
    """
    if not isinstance(labels, int | np.integer):
        return np.asarray(labels, dtype=int)
    candidates = np.flatnonzero(eligible & np.isfinite(score))
    return candidates[np.argsort(-score[candidates], kind="stable")[: max(int(labels), 0)]]


def label_points(
    ax: "Axes", x: np.ndarray, y: np.ndarray, names: Sequence[str], obstacles: np.ndarray, kws: Mapping[str, Any] | None
) -> list[Any]:
    """
    Write names next to points and move them apart, with a thin line where one was moved far.

    Parameters
    ----------
    ax
        Where; the limits must be final.
    x, y, names
        Labelled points.
    obstacles
        Points × 2 that labels should not hide.
    kws
        For `ax.text`.
    """
    if len(names) == 0:
        return []
    from adjustText import adjust_text
    from matplotlib.patheffects import withStroke

    options: dict[str, Any] = {"fontsize": SMALL, "color": "black", "zorder": 5, "ha": "center", "va": "center"}
    options |= {"path_effects": [withStroke(linewidth=1.5, foreground="white")]} | dict(kws or {})
    texts = [ax.text(px, py, name, **options) for px, py, name in zip(x, y, names, strict=True)]
    for text in texts:
        text.set_in_layout(False)
    figure = ax.figure.get_figure(root=True)
    # the layout decides where the axes are; labels are placed on the final one
    figure.draw_without_rendering()
    obstacles = _nearest(ax, obstacles, np.column_stack([x, y]), OBSTACLE_PAIRS // len(names))
    adjust_text(
        texts,
        x=np.concatenate([x, obstacles[:, 0]]),
        y=np.concatenate([y, obstacles[:, 1]]),
        target_x=list(x),
        target_y=list(y),
        ax=ax,
        iter_lim=int(np.clip(ROUNDS // len(names), 80, 300)),
        prevent_crossings=len(names) <= MAX_UNCROSSED,
        expand=(1.3, 1.6),
        force_text=(0.3, 0.5),
        force_static=(0.15, 0.3),
        min_arrow_len=3,
        arrowprops={"arrowstyle": "-", "color": "0.5", "linewidth": 0.5, "zorder": 4},
    )
    return texts


def _nearest(ax: "Axes", obstacles: np.ndarray, points: np.ndarray, n: int) -> np.ndarray:
    """The `n` obstacles that are nearest to any of the points, as drawn."""
    from scipy.spatial import KDTree

    if len(obstacles) <= n:
        return obstacles
    distance, _ = KDTree(ax.transData.transform(points)).query(ax.transData.transform(obstacles))
    return obstacles[np.argsort(distance, kind="stable")[:n]]
