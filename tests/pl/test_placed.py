"""Labels are placed again where the axes have changed."""

import numpy as np
from drawn_labels import assert_clean, boxes, draw


def test_apart_after_the_axes_have_changed(tmp_path):
    """`tight_layout`, another size, other limits and another resolution."""
    rng = np.random.default_rng(0)
    ax = draw(*rng.normal(size=(2, 25)), size=(7, 6))
    assert_clean(ax, 25)
    ax.figure.tight_layout(pad=4)
    assert_clean(ax, 25)
    ax.figure.set_size_inches(4.5, 4)
    ax.set_xlim(-6, 6)
    assert_clean(ax, 25)
    before = boxes(ax)
    ax.figure.savefig(tmp_path / "plot.png", dpi=150)
    np.testing.assert_allclose(boxes(ax), before, atol=1)


def test_nothing_moves_where_nothing_changes():
    ax = draw(*np.random.default_rng(1).normal(size=(2, 20)))
    before = boxes(ax)
    for text in ax.texts:
        text.set_position((0.0, 0.0))
    # not placed again, since size and limits are the same
    assert np.ptp(boxes(ax).mean(axis=1), axis=0).max() < np.ptp(before.mean(axis=1), axis=0).max()
