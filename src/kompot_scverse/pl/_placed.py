"""Labels of points with lines to them, which are placed again where the axes have changed."""

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ._spread import ends, spread
from ._theme import shade


class PlacedLabels(Artist):
    """
    Texts that hide neither one another nor much else.

    Parameters
    ----------
    ax
        Their axes.
    texts
        Labels, the most important first, at the places from which they are moved.
    points
        What they are for: labels × 2.
    obstacles, weights
        Points × 2 that labels should not hide, and how much each of them matters.
    """

    def __init__(
        self, ax: Axes, texts: list[Any], points: np.ndarray, obstacles: np.ndarray, weights: np.ndarray
    ) -> None:
        super().__init__()
        self.set_zorder(-1)
        self.set_in_layout(False)
        self.texts, self.points, self.obstacles, self.weights = texts, points, obstacles, weights
        # above the points, or lines would be lost among many
        self.lines = [Line2D([], [], color=shade(0.6), linewidth=0.5, zorder=4) for _ in texts]
        for line in self.lines:
            line.set_in_layout(False)
            ax.add_artist(line)
        self._placed_for: np.ndarray | None = None
        ax.add_artist(self)

    def place(self) -> np.ndarray:
        """Move the labels and draw the lines; which labels have a place. The others are hidden."""
        ax = self._own_axes()
        transform, inverse = ax.transData, ax.transData.inverted()
        for text in self.texts:  # hidden ones have no size
            text.set_visible(True)
        boxes = np.array([text.get_window_extent().get_points() for text in self.texts])
        sizes, targets = boxes[:, 1] - boxes[:, 0], transform.transform(self.points)
        unit = ax.figure.dpi / 72
        frame = ax.bbox.get_points() + [[unit], [-unit]]
        centres, placed = spread(
            boxes.mean(axis=1), sizes, targets, transform.transform(self.obstacles), self.weights, frame, unit
        )
        starts = inverse.transform(ends(centres, sizes, targets))
        for text, line, centre, start, point, found in zip(
            self.texts, self.lines, inverse.transform(centres), starts, self.points, placed, strict=True
        ):
            text.set_position(centre)
            line.set_data(*np.transpose([start, point]))
            text.set_visible(bool(found))
            line.set_visible(bool(found))
        self._placed_for = self._state()
        return placed

    def draw(self, renderer: Any) -> None:
        """Draw nothing; this comes before all other artists and places the labels again where the axes have changed."""
        if self._placed_for is None or not np.allclose(self._state(), self._placed_for, rtol=1e-3):
            self.place()

    def _state(self) -> np.ndarray:
        """Size of the axes in inches and their limits."""
        ax = self._own_axes()
        return np.concatenate([np.asarray(ax.bbox.size) / ax.figure.dpi, ax.get_xlim(), ax.get_ylim()])

    def _own_axes(self) -> Axes:
        assert isinstance(self.axes, Axes)
        return self.axes
