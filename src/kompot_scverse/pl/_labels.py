"""Labels that do not overlap."""

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kompot_scverse._data.errors import INSIDE

from ._spread import ends, spread
from ._style import SMALL
from ._theme import paper, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["label_points", "points_to_label"]

ROUNDS = 40_000
"""Rounds of moving apart, times the square of the number of labels: so grows the time of one."""


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
    ax: "Axes",
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    obstacles: np.ndarray,
    weights: np.ndarray,
    kws: Mapping[str, Any] | None,
) -> list[Any]:
    """
    Write names next to points, none over another, each with a thin line to its point.

    Names for which there is no room are left out, with a warning.

    Parameters
    ----------
    ax
        Where; the limits must be final.
    x, y, names
        Labelled points, the most important first.
    obstacles, weights
        Points × 2 that labels should not hide, and how much each of them matters.
    kws
        For `ax.text`.

    Returns
    -------
    The texts.
    """
    if len(names) == 0:
        return []
    from adjustText import adjust_text
    from matplotlib.patheffects import withStroke

    options: dict[str, Any] = {"fontsize": SMALL, "color": shade(1.0), "zorder": 5, "ha": "center", "va": "center"}
    options |= {"path_effects": [withStroke(linewidth=1.5, foreground=paper())]} | dict(kws or {})
    texts = [ax.text(px, py, name, **options) for px, py, name in zip(x, y, names, strict=True)]
    for text in texts:
        text.set_in_layout(False)
    # the layout decides where the axes are; labels are placed on the final one
    ax.figure.get_figure(root=True).draw_without_rendering()
    adjust_text(
        texts,
        x=x,
        y=y,
        avoid_self=False,
        ax=ax,
        iter_lim=int(np.clip(ROUNDS // len(names) ** 2, 10, 300)),
        # adjustText exchanges labels with the room they take, so that a long name gets that of a short one
        prevent_crossings=False,
        expand=(1.1, 1.3),
        force_text=(0.3, 0.5),
        force_static=(0.15, 0.3),
        # done below, and complained of through a deprecated call
        ensure_inside_axes=False,
    )
    placed = _part(ax, texts, np.column_stack([x, y]), obstacles, weights)
    left_out = [text for text, found in zip(texts, placed, strict=True) if not found]
    for text in left_out:
        text.remove()
    if left_out:
        warnings.warn(
            f"{len(left_out)} of {len(texts)} labels were left out, since there is no room for them: "
            f"{', '.join(text.get_text() for text in left_out)}. Draw a larger figure, "
            "label fewer genes, or make the text smaller with `text_kws={'fontsize': 6}`.",
            UserWarning,
            skip_file_prefixes=INSIDE,
        )
    return [text for text, found in zip(texts, placed, strict=True) if found]


def _part(ax: "Axes", texts: list[Any], points: np.ndarray, obstacles: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Move labels that adjustText left in a bad place, and draw the lines; which labels have a place."""
    from matplotlib.lines import Line2D

    transform, inverse = ax.transData, ax.transData.inverted()
    boxes = np.array([text.get_window_extent().get_points() for text in texts])
    sizes, targets = boxes[:, 1] - boxes[:, 0], transform.transform(points)
    unit = ax.figure.dpi / 72
    frame = ax.bbox.get_points() + [[unit], [-unit]]
    centres, placed = spread(boxes.mean(axis=1), sizes, targets, transform.transform(obstacles), weights, frame, unit)
    for text, centre in zip(texts, centres, strict=True):
        text.set_position(inverse.transform(centre))
    starts = inverse.transform(ends(centres, sizes, targets))
    for start, point in zip(starts[placed], points[placed], strict=True):
        # above the points, or lines would be lost among many
        ax.add_artist(Line2D(*np.transpose([start, point]), color=shade(0.6), linewidth=0.5, zorder=4))
    return placed
