"""Nearest neighbours against brute force; the fractal dimension against mellon's."""

import jax
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kompot_scverse._gp.distinct import distinct_points
from kompot_scverse._gp.mellon import length_scale, load_mellon, prior_log_density
from kompot_scverse._gp.neighbors import (
    fractal_dimension,
    nearest_neighbor_distances,
    point_distances,
    separate_points,
)


def brute_force(x):
    distances = cdist(x, x)
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1)


@pytest.mark.parametrize("dimensions", [1, 3, 8, 9, 40])
def test_against_brute_force(dimensions):
    x = np.random.default_rng(dimensions).normal(size=(200, dimensions))
    np.testing.assert_allclose(nearest_neighbor_distances(x), brute_force(x), rtol=1e-10)
    rows = np.array([7, 3, 150])
    np.testing.assert_allclose(point_distances(x, rows), brute_force(x)[rows], rtol=1e-10)


@pytest.mark.parametrize("dimensions", [3, 40])
def test_close_cells_far_from_the_origin(dimensions):
    """|a|² - 2ab + |b|² would cancel."""
    x = 1e4 + np.random.default_rng(0).normal(scale=1e-2, size=(100, dimensions))
    np.testing.assert_allclose(nearest_neighbor_distances(x), brute_force(x), rtol=1e-3)


@pytest.mark.parametrize("apart", [1e-5, 1e-4, 1e-3])
def test_copies_with_noise_hardly_move_the_distances(apart):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 10))
    copies = np.concatenate([x, x + apart * rng.normal(size=x.shape)])
    points, near = separate_points(copies)
    assert near
    assert len(points) == len(x)
    assert length_scale(nearest_neighbor_distances(copies)) == pytest.approx(length_scale(brute_force(x)), rel=5e-3)


@pytest.mark.parametrize("dimensions", [1, 2, 10])
def test_cells_without_copies_are_points_of_their_own(dimensions):
    x = np.random.default_rng(0).normal(size=(2000, dimensions))
    points, near = separate_points(x)
    assert not near
    assert len(points) == len(distinct_points(x))


@pytest.mark.parametrize("apart", [0, 1e-12, 1e-9])
@pytest.mark.parametrize("dimensions", [3, 40])
def test_copies_of_a_cell_are_not_its_neighbours(dimensions, apart):
    """A copy says nothing about the distance between cell states, and there may be one of every cell."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, dimensions))
    copies = np.concatenate([x, x + apart * rng.normal(size=x.shape), x[:10]])
    np.testing.assert_allclose(nearest_neighbor_distances(copies)[:50], brute_force(x), rtol=1e-7)
    np.testing.assert_allclose(nearest_neighbor_distances(copies)[50:100], brute_force(x), rtol=1e-7)


def test_only_identical_cells_have_no_neighbour():
    assert (nearest_neighbor_distances(np.ones((30, 3))) == 0).all()
    three = np.repeat(np.array([[0.0, 0], [1, 0], [3, 0]]), 20, axis=0)
    np.testing.assert_array_equal(nearest_neighbor_distances(three), np.repeat([1.0, 1.0, 2.0], 20))


@pytest.mark.parametrize("dimensions", [1, 2, 5, 12])
def test_fractal_dimension_is_mellons(dimensions):
    # up to 500 cells mellon asks all of them, so there is no draw to agree on
    x = np.random.default_rng(dimensions).normal(size=(400, dimensions))
    with jax.enable_x64(True):
        reference = load_mellon().parameters.compute_d_factal(x)
    assert fractal_dimension(x) == pytest.approx(reference, rel=1e-6)


def test_fractal_dimension_does_not_depend_on_the_order():
    x = np.random.default_rng(0).normal(size=(800, 4))
    shuffled = x[np.random.default_rng(1).permutation(800)]
    assert fractal_dimension(shuffled) == pytest.approx(fractal_dimension(x), rel=1e-10)


@pytest.mark.parametrize("apart", [0, 1e-12, 1e-9])
def test_fractal_dimension_is_of_the_cell_states(apart):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    copies = np.concatenate([x, x + apart * rng.normal(size=x.shape)])
    assert fractal_dimension(copies) == pytest.approx(fractal_dimension(x), rel=1e-5)


@pytest.mark.parametrize("n", [1, 2])
def test_fractal_dimension_of_too_few_cell_states(n):
    x = np.repeat(np.arange(n, dtype=float)[:, None], 30, axis=0)
    with pytest.raises(ValueError, match=f"from {n} distinct cell states"):
        fractal_dimension(x)


def test_length_scale_and_mu_are_mellons():
    distances = np.random.default_rng(0).uniform(0.1, 2, size=200)
    assert length_scale(distances) == pytest.approx(np.exp(np.log(distances).mean() + 3))
    assert length_scale(np.append(distances, 0.0)) == pytest.approx(length_scale(distances))
    with jax.enable_x64(True):
        reference = float(load_mellon().parameters.compute_mu(distances, 3.0))
    assert prior_log_density(distances, 3.0) == pytest.approx(reference)
    with pytest.raises(ValueError, match="All cells are identical"):
        length_scale(np.zeros(5))
