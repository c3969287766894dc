"""Distances to near points against all distances, however small they are beside the coordinates."""

import numpy as np
import pytest

from kompot_scverse._gp import near_points as module
from kompot_scverse._gp import over_cells
from kompot_scverse._gp.near_points import near_distances


def all_distances(x: np.ndarray, rows: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Of some points to all others, ascending."""
    points = x[rows]
    found = np.sqrt(np.square(points[queries][:, None] - points[None]).sum(axis=2))
    found[np.arange(len(queries)), queries] = np.inf
    return np.sort(found, axis=1)


@pytest.mark.parametrize("dimensions", [1, 2, 12])
@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-6])
def test_against_all_distances(dimensions: int, apart: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("COSTLY", 0.5), ("QUERIES", 16), ("CELLS", 37), ("PAIRS", 50)):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(over_cells, "BLOCK", 100)
    rng = np.random.default_rng(dimensions)
    centers = rng.normal(size=(5, dimensions))
    x = centers[rng.integers(5, size=400)] + apart * rng.normal(size=(400, dimensions))
    rows = rng.permutation(400)[:350]
    queries = np.arange(0, 350, 7)
    found = near_distances(x, rows, queries, 4)
    np.testing.assert_array_equal(found, all_distances(x, rows, queries)[:, :4])


def test_points_alone_and_few() -> None:
    x = np.array([[0.0, 0], [3, 4], [3, 4]])
    assert near_distances(x, np.array([1]), np.array([0]), 3).tolist() == [[0.0]]
    assert near_distances(x, np.array([2, 0]), np.array([0, 1]), 3).tolist() == [[5.0], [5.0]]
    assert near_distances(x, np.array([2, 0]), np.array([], dtype=int), 1).shape == (0, 1)
