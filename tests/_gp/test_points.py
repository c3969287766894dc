"""Points are read as if they were all in the frame, from single precision too, and so survive being sent."""

import pickle

import numpy as np
import pytest

from kompot_scverse._gp.frame import fit_frame
from kompot_scverse._gp.points import Points, columns_of, joined, piece

X = np.random.default_rng(0).normal(3.0, 40.0, size=(50, 4))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rows_and_columns_are_those_in_the_frame(kind: type) -> None:
    values = X.astype(kind)
    frame = fit_frame(values)
    whole, points = frame.inward(values), Points(values, frame)
    assert whole.dtype == np.float64
    assert points.shape == whole.shape
    mask = X[:, 0] > 0
    for rows in (slice(None), slice(3, 9), slice(None, None, -1), np.array([7, 2]), mask):
        np.testing.assert_array_equal(points[rows], whole[rows])
        np.testing.assert_array_equal(points[rows, 2], whole[rows, 2])
        sent = pickle.loads(pickle.dumps(piece(points, rows)))
        assert sent.values.dtype == kind
        np.testing.assert_array_equal(sent[:], whole[rows])
        np.testing.assert_array_equal(piece(whole, rows), whole[rows])
        blocks = [piece(points, slice(0, 20)), piece(points, slice(20, 50))]
        np.testing.assert_array_equal(joined(blocks)[rows], whole[rows])
    np.testing.assert_array_equal(joined([whole[:9], whole[9:]]), whole)
    np.testing.assert_array_equal(np.asarray(points), whole)
    np.testing.assert_array_equal(np.stack(list(columns_of(points))), whole.T)
