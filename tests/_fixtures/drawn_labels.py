"""Labels of points as they are drawn, and what they have to be."""

import matplotlib.pyplot as plt
import numpy as np

from kompot_scverse.pl._labels import label_points


def boxes(ax) -> np.ndarray:
    """Lower left and upper right corner of each label."""
    ax.figure.canvas.draw()
    return np.array(
        [text.get_window_extent().get_points() for text in ax.texts if text.get_text() and text.get_visible()]
    )


def n_overlaps(ax) -> int:
    low, high = boxes(ax).swapaxes(0, 1)
    pairs = ((low[:, None] < high) & (low < high[:, None])).all(axis=-1)
    return int(np.triu(pairs, 1).sum())


def assert_clean(ax, n: int) -> None:
    """There are n labels, apart, inside, and each joined to its point."""
    corners = boxes(ax)
    assert len(corners) == n
    assert n_overlaps(ax) == 0
    frame = ax.bbox.get_points()
    assert (corners[:, 0] >= frame[0]).all()
    assert (corners[:, 1] <= frame[1]).all()
    lines = np.array([line.get_xydata() for line in ax.lines if line.get_zorder() == 4 and line.get_visible()])
    starts, stops = (ax.transData.transform(end) for end in lines.swapaxes(0, 1))
    np.testing.assert_array_less(corners[:, 0] - 0.01, starts)
    np.testing.assert_array_less(starts, corners[:, 1] + 0.01)
    dots = np.vstack([c.get_offsets() for c in ax.collections if len(c.get_offsets())])
    distance = np.abs(stops[:, None] - ax.transData.transform(dots)).max(axis=-1).min(axis=1)
    np.testing.assert_allclose(distance, 0, atol=0.01)


def draw(x, y, names=None, *, size=(6, 5), kws=None, **limits):
    _, ax = plt.subplots(figsize=size)
    ax.scatter(x, y)
    ax.set(**limits)
    names = [f"Gene{i}" for i in range(len(x))] if names is None else names
    label_points(ax, x, y, names, np.column_stack([x, y]), np.ones(len(x)), kws)
    return ax
