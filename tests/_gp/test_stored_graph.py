"""Graphs in obsp: whether they are of the representation, and as neighbours of points."""

import numpy as np
import scipy.sparse as sp
from sklearn.neighbors import kneighbors_graph

from kompot_scverse._gp.distinct import distinct_points
from kompot_scverse._gp.stored_graph import points_graph, same_distances

X = np.random.default_rng(0).normal(size=(200, 4))


def graph_of(x, k=6):
    return sp.csr_array(kneighbors_graph(x, k, mode="distance"))


def test_only_the_distances_of_the_representation_count():
    graph = graph_of(X)
    assert same_distances(graph.astype(np.float32), X, 1.0)
    assert same_distances(2.0 * graph, X, 2.0)
    assert not same_distances(graph, X, 2.0)
    assert not same_distances(graph_of(X[:, :3]), X, 1.0)
    assert not same_distances(sp.csr_array((200, 200)), X, 1.0)


def test_neighbours_are_in_ascending_distance():
    points = distinct_points(X)
    found = points_graph(graph_of(X), points, 8)
    own = X[points.rows]
    distances = np.linalg.norm(own[:, None] - own[found[:, :6]], axis=2)
    assert (np.diff(distances, axis=1) >= 0).all()
    nearest = np.sort(np.linalg.norm(own[:, None] - own[None], axis=2), axis=1)[:, 1:7]
    np.testing.assert_allclose(distances, nearest)
    assert (found[:, 6:] == -1).all()


def test_copies_are_no_neighbours():
    x = np.concatenate([X, X])
    points = distinct_points(x)
    graph = graph_of(x, 7)
    found = points_graph(graph, points, 7)
    assert not (found == np.arange(len(points))[:, None]).any()
