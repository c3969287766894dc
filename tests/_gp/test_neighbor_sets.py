"""Distances within sets of points, from a graph."""

import numpy as np
from scipy.spatial.distance import cdist

from kompot_scverse._gp.distinct import distinct_points
from kompot_scverse._gp.neighbor_sets import NeighborSets, first_in_set, set_distances

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 2))
POINTS = distinct_points(X)
OWN = X[POINTS.rows]
GRAPH = np.argsort(cdist(OWN, OWN), axis=1)[:, 1:6].astype(np.int32)


def test_the_first_neighbour_that_is_in_the_set():
    graph = np.array([[1, 2, 3], [0, 2, 3], [3, 1, 0], [2, -1, -1]], dtype=np.int32)
    np.testing.assert_array_equal(first_in_set(graph, np.array([0, 3]), 4), [3, -1])
    np.testing.assert_array_equal(first_in_set(graph, np.arange(4), 4), [1, 0, 3, 2])


def test_distances_are_those_of_the_set_alone():
    own = np.sort(RNG.choice(120, 20, replace=False))
    alone = cdist(OWN[own], OWN[own])
    np.fill_diagonal(alone, np.inf)
    np.testing.assert_allclose(set_distances(X, POINTS, GRAPH, own), alone.min(axis=1))
    np.testing.assert_array_equal(set_distances(X, POINTS, GRAPH, own[:1]), [0.0])


def test_cells_at_one_point_have_one_distance():
    x = np.concatenate([X, X[:10]])
    points = distinct_points(x)
    graph = np.argsort(cdist(x[points.rows], x[points.rows]), axis=1)[:, 1:6].astype(np.int32)
    pooled = set_distances(x, points, graph, np.arange(len(points)))[points.labels]
    found = NeighborSets(points, pooled, graph).within(x, np.arange(130))
    np.testing.assert_array_equal(found, pooled)
    np.testing.assert_array_equal(found[120:], found[:10])
