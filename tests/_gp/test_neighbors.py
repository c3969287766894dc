"""Nearest neighbours against brute force; the fractal dimension against mellon's."""

import jax
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from kompot_scverse._gp.mellon import length_scale, load_mellon, prior_log_density
from kompot_scverse._gp.neighbors import fractal_dimension, nearest_neighbor_distances


def brute_force(x):
    distances = cdist(x, x)
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1)


@pytest.mark.parametrize("dimensions", [1, 3, 8, 9, 40])
def test_against_brute_force(dimensions):
    x = np.random.default_rng(dimensions).normal(size=(200, dimensions))
    np.testing.assert_allclose(nearest_neighbor_distances(x), brute_force(x), rtol=1e-10)
    rows = np.array([7, 3, 150])
    np.testing.assert_allclose(nearest_neighbor_distances(x, rows), brute_force(x)[rows], rtol=1e-10)


@pytest.mark.parametrize("dimensions", [3, 40])
def test_close_cells_far_from_the_origin(dimensions):
    """|a|² - 2ab + |b|² would cancel."""
    x = 1e4 + np.random.default_rng(0).normal(scale=1e-2, size=(100, dimensions))
    np.testing.assert_allclose(nearest_neighbor_distances(x), brute_force(x), rtol=1e-3)


@pytest.mark.parametrize("dimensions", [3, 40])
def test_duplicates_are_at_distance_zero(dimensions):
    x = np.random.default_rng(0).normal(size=(50, dimensions))
    doubled = np.concatenate([x, x[:10], x[:10]])
    found = nearest_neighbor_distances(doubled)
    assert (found[:10] == 0).all()
    assert (found[50:] == 0).all()
    assert (found[10:50] > 0).all()


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


def test_fractal_dimension_with_duplicates_and_without_any_distance():
    x = np.random.default_rng(0).normal(size=(100, 3))
    assert np.isfinite(fractal_dimension(np.concatenate([x, x])))
    with pytest.raises(ValueError, match="too few distinct cells"):
        fractal_dimension(np.ones((30, 3)))


def test_length_scale_and_mu_are_mellons():
    distances = np.random.default_rng(0).uniform(0.1, 2, size=200)
    assert length_scale(distances) == pytest.approx(np.exp(np.log(distances).mean() + 3))
    assert length_scale(np.append(distances, 0.0)) == pytest.approx(length_scale(distances))
    with jax.enable_x64(True):
        reference = float(load_mellon().parameters.compute_mu(distances, 3.0))
    assert prior_log_density(distances, 3.0) == pytest.approx(reference)
    with pytest.raises(ValueError, match="All cells are identical"):
        length_scale(np.zeros(5))
