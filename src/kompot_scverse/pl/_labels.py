"""Labels that do not overlap."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from kompot_scverse._messages import warn

from ._style import SMALL
from ._theme import paper, shade


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
    ax: Axes,
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    obstacles: np.ndarray,
    weights: np.ndarray,
    kws: Mapping[str, Any] | None,
    *,
    complain: bool = True,
) -> list[Any]:
    """
    Write names next to points without overlap, each with a thin line to its point.

    Names for which there is no room are left out, with a warning. Where the axes change their size or limits later, the labels
    are placed again as they are drawn.

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
    complain
        Whether to warn of names without room.

    Returns
    -------
    The texts.
    """
    if len(names) == 0:
        return []
    from ._placed import PlacedLabels

    options: dict[str, Any] = {"fontsize": SMALL, "color": shade(1.0), "zorder": 5}
    options |= {"path_effects": [withStroke(linewidth=1.5, foreground=paper())]} | dict(kws or {})
    options |= {"ha": "center", "va": "center"}
    texts = [ax.text(px, py, name, **options) for px, py, name in zip(x, y, names, strict=True)]
    for text in texts:
        text.set_in_layout(False)
    # the layout decides where the axes are; labels are placed on the final one
    ax.figure.get_figure(root=True).draw_without_rendering()
    placed = PlacedLabels(ax, texts, np.column_stack([x, y]), obstacles, weights).place()
    left_out = [text for text, found in zip(texts, placed, strict=True) if not found]
    if left_out and complain:
        warn(
            f"{len(left_out)} of {len(texts)} labels were left out, since there is no room for them: "
            f"{', '.join(text.get_text() for text in left_out)}. Draw a larger figure, "
            "label fewer genes, or make the text smaller with `text_kws={'fontsize': 6}`."
        )
    return [text for text, found in zip(texts, placed, strict=True) if found]
