"""Errors of approximate neighbours are those of the definition; an index that would have to search everything is none."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kompot_scverse._gp.neighbor_index import approximate_graph, exact_ranks, graph_error

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
DISTANCES = cdist(X, X)
NEIGHBORS = np.argsort(DISTANCES, axis=1)[:, 1:]


def test_exact_distances_of_two_ranks():
    rows, ranks, distances = exact_ranks(X, 16)
    assert list(ranks) == [0, 8]
    np.testing.assert_allclose(distances, np.sort(DISTANCES, axis=1)[rows][:, [1, 9]])


def test_error_is_the_dimension_times_that_of_the_log_distance():
    rows, ranks, exact = exact_ranks(X, 16)
    assert graph_error(X, rows, NEIGHBORS[rows, :16], ranks, exact, 3.0) == (0.0, 0.0)
    # without the nearest neighbour of all points, the second counts
    second = 3.0 * np.log(np.sort(DISTANCES, axis=1)[rows, 2] / exact[:, 0])
    mean, most = graph_error(X, rows, NEIGHBORS[rows, 1:9], ranks, exact, 3.0)
    assert mean == pytest.approx(second.mean())
    assert most == pytest.approx(np.quantile(second, 0.99, method="higher"))


def test_no_neighbour_at_all_is_no_small_error():
    rows, ranks, exact = exact_ranks(X, 4)
    assert graph_error(X, rows, np.full((len(rows), 4), -1), ranks, exact, 3.0)[0] == np.inf


def test_no_index_is_good_enough_for_points_without_structure():
    """Where every part of the space would have to be searched, there is nothing to gain."""
    x = np.random.default_rng(1).normal(size=(400, 40))
    assert approximate_graph(x, 16, 20.0) is None
