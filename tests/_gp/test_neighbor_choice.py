"""Nearest neighbours from an index or a stored graph against exact ones."""

import sys

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.neighbors import kneighbors_graph
from threadpoolctl import threadpool_limits

from kompot_scverse._gp import neighbor_choice
from kompot_scverse._gp.neighbor_choice import NeighborRequest, neighbor_sets
from kompot_scverse._gp.neighbor_index import LARGE_ERROR, MEAN_ERROR
from kompot_scverse._gp.neighbor_sets import first_in_set
from kompot_scverse._gp.neighbors import fractal_dimension, nearest_neighbor_distances, separate_points

RNG = np.random.default_rng(0)
CENTERS = RNG.normal(size=(6, 10))
X = CENTERS[RNG.integers(6, size=3000)] + RNG.normal(scale=0.2, size=(3000, 10))
CODES = RNG.integers(8, size=3000)
POINTS = separate_points(X)[0]
REQUEST = NeighborRequest(8)


@pytest.fixture(scope="module")
def approximate():
    return neighbor_sets(X, POINTS, REQUEST, "approximate", 1.0)


def log_density_errors(found, exact):
    return fractal_dimension(X) * np.abs(np.log(found / exact))


def test_index_keeps_the_error_that_is_allowed(approximate):
    errors = log_density_errors(approximate.pooled, nearest_neighbor_distances(X))
    assert approximate.source == "faiss"
    assert errors.mean() < 1.5 * MEAN_ERROR
    assert np.mean(errors > LARGE_ERROR) < 0.015
    # what is recorded is the larger error of two ranks, of cells spread over the data
    assert approximate.error[0] >= 0.5 * errors.mean()


@pytest.mark.parametrize("sample", range(8))
def test_one_graph_gives_the_distances_within_a_set(approximate, sample):
    rows = np.flatnonzero(CODES == sample)
    exact = nearest_neighbor_distances(X[rows])
    found = approximate.within(X, rows)
    assert (found >= exact * (1 - 1e-9)).all()
    assert log_density_errors(found, exact).mean() < 1.5 * MEAN_ERROR


def test_cells_without_a_neighbour_of_their_set_are_searched_exactly(approximate):
    """Cells far apart: the graph has none of the set among their neighbours."""
    rows = np.argsort(X[:, 0])[::300]
    nearest = first_in_set(approximate.graph, np.sort(POINTS.labels[rows]), len(POINTS))
    assert (nearest < 0).any()
    np.testing.assert_allclose(approximate.within(X, rows), nearest_neighbor_distances(X[rows]), rtol=1e-9)


def test_neither_threads_nor_the_order_of_the_cells_matter(approximate):
    with threadpool_limits(1):
        alone = neighbor_sets(X, POINTS, REQUEST, "approximate", 1.0)
    np.testing.assert_array_equal(alone.graph, approximate.graph)
    order = np.random.default_rng(1).permutation(len(X))
    turned = neighbor_sets(X[order], separate_points(X[order])[0], REQUEST, "approximate", 1.0)
    np.testing.assert_array_equal(turned.pooled, approximate.pooled[order])
    rows = np.flatnonzero(CODES == 3)
    np.testing.assert_array_equal(
        turned.within(X[order], np.flatnonzero(CODES[order] == 3)),
        approximate.within(X, rows)[np.argsort(np.argsort(order)[rows])],
    )


def test_copies_in_another_set_are_not_neighbours():
    """A point may have cells of several sets."""
    copies = np.concatenate([X[:1000], X[:1000]])
    found = neighbor_sets(copies, separate_points(copies)[0], NeighborRequest(2), "approximate", 1.0)
    exact = nearest_neighbor_distances(X[:1000])
    assert log_density_errors(found.pooled[:1000], exact).mean() < 1.5 * MEAN_ERROR
    np.testing.assert_array_equal(found.pooled[1000:], found.pooled[:1000])
    np.testing.assert_array_equal(found.within(copies, np.arange(1000)), found.pooled[:1000])


def test_few_cells_are_searched_exactly_and_many_are_not(monkeypatch):
    assert neighbor_sets(X, POINTS, REQUEST, "auto", 1.0).source == "exact"
    monkeypatch.setattr(neighbor_choice, "LARGE", 2999)
    assert neighbor_sets(X, POINTS, REQUEST, "auto", 1.0).source == "faiss"
    assert neighbor_sets(X, POINTS, REQUEST, "exact", 1.0).graph is None


def test_without_faiss_auto_is_exact_and_approximate_says_what_to_install(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr(neighbor_choice, "has_faiss", lambda: False)
    monkeypatch.setattr(neighbor_choice, "LARGE", 100)
    with caplog.at_level("INFO", logger="kompot_scverse"):
        found = neighbor_sets(X, POINTS, REQUEST, "auto", 1.0)
    assert found.source == "exact"
    assert "install `kompot-scverse[faiss]`" in caplog.text
    np.testing.assert_array_equal(found.pooled, nearest_neighbor_distances(X))
    with pytest.raises(ImportError, match="faiss-cpu"):
        neighbor_sets(X, POINTS, REQUEST, "approximate", 1.0)


def stored(x, n_neighbors):
    return sp.csr_array(kneighbors_graph(x, n_neighbors, mode="distance"))


def test_a_graph_of_the_same_representation_is_used():
    # in units of the representation, of which the frame is a part
    graphs = {"other": stored(X[:, :4], 30), "distances": 4.0 * stored(X, 30)}
    found = neighbor_sets(X, POINTS, NeighborRequest(8, graphs), "approximate", 4.0)
    assert found.source == "obsp['distances']"
    np.testing.assert_allclose(found.pooled, nearest_neighbor_distances(X), rtol=1e-9)
    rows = np.flatnonzero(CODES == 0)
    np.testing.assert_allclose(found.within(X, rows), nearest_neighbor_distances(X[rows]), rtol=1e-9)


@pytest.mark.parametrize("graph", [stored(X + 0.1 * RNG.normal(size=X.shape), 30), sp.csr_array((3000, 3000))])
def test_other_graphs_are_not_used(graph):
    assert neighbor_sets(X, POINTS, NeighborRequest(2, {"distances": graph}), "approximate", 1.0).source == "faiss"


def test_a_graph_without_the_nearest_neighbours_is_not_used(caplog):
    graph = stored(X, 12)
    # what is left are the farther half: the distances are right, and the nearest are not there
    for row in range(len(X)):
        own = slice(graph.indptr[row], graph.indptr[row + 1])
        graph.data[own] *= graph.data[own] > np.median(graph.data[own])
    graph.eliminate_zeros()
    with caplog.at_level("INFO", logger="kompot_scverse"):
        found = neighbor_sets(X, POINTS, NeighborRequest(2, {"distances": graph}), "approximate", 1.0)
    assert found.source == "faiss"
    assert "obsp['distances'] are not used" in caplog.text
