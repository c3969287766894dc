"""Diffusion components against the dense eigen-decomposition of the transition matrix."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from scipy.spatial.distance import cdist

from kompot_scverse._stats.diffusion import by_eigengap, diffusion_components


@pytest.fixture(scope="module")
def graph() -> np.ndarray:
    """A noisy arc of 60 cells, of uneven density: weights to the near ones."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.beta(0.7, 1.5, 60)) * np.pi
    x = np.column_stack([np.cos(t), np.sin(t), np.zeros(60)]) + 0.05 * rng.standard_normal((60, 3))
    distances = cdist(x, x)
    near = distances <= np.sort(distances, axis=1)[:, [12]]
    weights = np.exp(-((distances / 0.3) ** 2)) * (near | near.T)
    np.fill_diagonal(weights, 0)
    return weights


def transitions(weights: np.ndarray) -> np.ndarray:
    """Random walk on the graph after division by both degrees."""
    degree = weights.sum(axis=1)
    kernel = weights / degree[:, None] / degree[None]
    return kernel / kernel.sum(axis=1, keepdims=True)


def test_eigenpairs_are_those_of_the_transition_matrix(graph):
    found = diffusion_components(sp.csr_matrix(graph), 6)
    walk = transitions(graph)
    values, vectors = scipy.linalg.eig(walk)
    order = np.argsort(-values.real)
    np.testing.assert_allclose(found.eigenvalues, values.real[order][1:7], rtol=1e-10)
    assert np.ptp(vectors[:, order[0]].real) < 1e-10
    for own, other in zip(found.vectors.T, vectors.real[:, order[1:7]].T, strict=True):
        assert abs(own @ other) / np.linalg.norm(own) / np.linalg.norm(other) == pytest.approx(1, abs=1e-10)


def test_components_have_mean_0_and_variance_1_where_the_walk_ends(graph):
    found = diffusion_components(graph, 6)
    stationary = np.linalg.matrix_power(transitions(graph), 2**20)[0]
    np.testing.assert_allclose(stationary @ found.vectors, 0, atol=1e-10)
    np.testing.assert_allclose((found.vectors.T * stationary) @ found.vectors, np.eye(6), atol=1e-9)


def test_states_are_sums_over_all_diffusion_times(graph):
    found = diffusion_components(graph, 4)
    walk, total = transitions(graph), np.zeros((60, 60))
    power = walk
    for _ in range(4000):
        total += power - np.linalg.matrix_power(walk, 2**20)
        power = power @ walk
    # summed transitions act on an eigenvector as a number
    np.testing.assert_allclose(total @ found.vectors, found.states(4), rtol=1e-6, atol=1e-6)


def test_order_and_start_do_not_matter(graph):
    found = diffusion_components(graph, 5)
    order = np.random.default_rng(1).permutation(60)
    other = diffusion_components(graph[np.ix_(order, order)], 5, seed=9)
    np.testing.assert_allclose(other.states(5), found.states(5)[order], atol=1e-7)


def test_eigenvalues_are_those_of_scanpy(graph):
    import scanpy as sc
    from anndata import AnnData

    adata = AnnData(np.zeros((60, 1), dtype="float32"))
    adata.obsp["connectivities"] = adata.obsp["distances"] = sp.csr_matrix(graph)
    adata.uns["neighbors"] = {
        "connectivities_key": "connectivities",
        "distances_key": "distances",
        "params": {"method": "umap", "n_neighbors": 12},
    }
    sc.tl.diffmap(adata, n_comps=6)
    np.testing.assert_allclose(diffusion_components(graph, 5).eigenvalues, adata.uns["diffmap_evals"][1:6], rtol=1e-4)


@pytest.mark.parametrize(
    ("eigenvalues", "number"),
    [
        ([0.99, 0.98, 0.97, 0.6, 0.59], 3),
        ([0.9, 0.5, 0.49, 0.1], 3),
        ([0.99, 0.5, 0.1, 0.09], 2),
        ([0.9, 0.8], 2),
    ],
)
def test_number_of_components_is_where_the_largest_gap_is(eigenvalues, number):
    assert by_eigengap(np.array(eigenvalues)) == number


def test_a_graph_in_parts_is_an_error(graph):
    split = scipy.linalg.block_diag(graph, graph[:9, :9])
    with pytest.raises(ValueError, match=r"2 parts without a connection \(of 60, 9 cells\).*n_neighbors"):
        diffusion_components(split, 4)
    with pytest.raises(ValueError, match="need more than 60 cells; at most 58"):
        diffusion_components(graph, 59)
