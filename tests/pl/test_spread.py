"""Places of labels: the geometry against points sampled densely, and leader lines that do not lie."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kompot_scverse.pl._spread import _distances, _within_boxes, ends, spread

FRAME = np.array([[0.0, 0.0], [400.0, 300.0]])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_lengths_within_boxes_and_distances_from_lines(seed: int, level: bool) -> None:
    rng = np.random.default_rng(seed)
    starts, stop = rng.uniform(0, 100, (6, 2)), rng.uniform(0, 100, 2)
    if level:
        starts[:3, 1] = stop[1]
        starts[5] = stop
    centres, sizes = rng.uniform(0, 100, (4, 2)), rng.uniform(5, 60, (4, 2))
    share = np.linspace(0, 1, 4001)[:, None]
    for found, apart, start in zip(
        _within_boxes(starts, stop, centres, sizes), _distances(centres, starts, stop), starts, strict=True
    ):
        line = start + share * (stop - start)
        inside = (np.abs(line[:, None] - centres) < sizes / 2).all(axis=2).mean(axis=0)
        length = np.linalg.norm(stop - start)
        np.testing.assert_allclose(found, inside * length, atol=0.002 * length + 1e-9)
        nearest = np.linalg.norm(line[:, None] - centres, axis=2).min(axis=0)
        np.testing.assert_allclose(apart, nearest, atol=0.002 * length + 1e-9)


def test_no_line_runs_through_the_point_of_another_label() -> None:
    """A row of points, labels of which would all be above in line with the points."""
    points = np.column_stack([np.full(6, 200.0), 60 + 12.0 * np.arange(6)])
    sizes = np.tile([40.0, 10.0], (6, 1))
    centres, placed = spread(points + [0, 150], sizes, points, np.zeros((0, 2)), np.zeros(0), FRAME, 1.0)
    assert placed.all()
    begin = ends(centres, sizes, points)
    for i in range(6):
        others = np.delete(points, i, axis=0)
        assert (_distances(others, begin[[i]], points[i]) > 2.5).all()
