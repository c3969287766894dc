"""Log densities of conditions: identities of their normalisation and their units, and the truth of a normal density."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from kompot_scverse import GPSettings
from kompot_scverse._gp.neighbor_choice import NeighborRequest
from kompot_scverse._gp.states import States, fit_states
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.log_density import density_abundance

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(size=(400, 2)), RNG.normal([1, 0], size=(200, 2))])
CODES = np.repeat([0, 1], [400, 200]).astype(np.int32)
PLAIN = Design("c", ("a", "b"), CODES, None, ("a", "b"), CODES, np.arange(2), np.ones(2, dtype=bool))


def states_of(x: np.ndarray) -> States:
    return fit_states(x, np.ones(len(x), dtype=bool), "X", GPSettings(), distances=NeighborRequest(4))


@pytest.fixture(scope="module")
def states():
    return states_of(X)


@pytest.fixture(scope="module")
def counted(states):
    return density_abundance(states, PLAIN, "count")


def test_densities_are_about_those_the_cells_were_drawn_from(counted):
    truth = multivariate_normal([0, 0], np.eye(2)).logpdf(X)
    inside = np.linalg.norm(X, axis=1) < 2
    assert np.corrcoef(counted.fields[0][inside], truth[inside])[0, 1] > 0.9


def test_fold_change_and_its_variance_are_of_two_independent_fits(states, counted):
    np.testing.assert_allclose(counted.lfc[0], counted.fields[1] - counted.fields[0])
    turned = Design("c", ("b", "a"), 1 - CODES, None, ("b", "a"), 1 - CODES, np.arange(2), np.ones(2, dtype=bool))
    other = density_abundance(states, turned, "count")
    np.testing.assert_allclose(other.lfc, -counted.lfc, atol=1e-6)
    np.testing.assert_allclose(other.variance, counted.variance, rtol=1e-6)


def test_equal_mass_shifts_the_densities_and_changes_no_shape(states, counted):
    found = density_abundance(states, PLAIN, "mass")
    shift = found.fields - counted.fields
    np.testing.assert_allclose(shift, shift[:, :1] * np.ones(600), atol=1e-9)
    assert found.params["normalize"] == "mass"


def test_densities_are_per_unit_of_the_representation(counted):
    """In coordinates ten times as large there is less of it in a unit by ten to the dimension."""
    larger = density_abundance(states_of(10 * X), PLAIN, "count")
    np.testing.assert_allclose(larger.fields, counted.fields - counted.params["d"] * np.log(10), atol=1e-5)
    np.testing.assert_allclose(larger.lfc, counted.lfc, atol=1e-5)


def test_replicates_add_the_variance_between_their_densities(states, counted):
    samples = (2 * CODES + np.arange(600) % 2).astype(np.int32)
    usable = np.ones(4, dtype=bool)
    with_samples = Design("c", ("a", "b"), CODES, "s", tuple("wxyz"), samples, np.array([0, 0, 1, 1]), usable)
    alone = Design("s", tuple("wxyz"), samples, None, tuple("wxyz"), samples, np.arange(4), usable)
    own = density_abundance(states, alone, "count").fields
    between = own[:2].var(axis=0, ddof=1) + own[2:].var(axis=0, ddof=1)
    found = density_abundance(states, with_samples, "count")
    np.testing.assert_allclose(found.variance[0], counted.variance[0] + between, rtol=1e-9)
    np.testing.assert_allclose(found.lfc, counted.lfc)


def test_identical_cells_have_no_density(states):
    x = X.copy()
    x[CODES == 1] = [1.0, 0.0]
    with pytest.raises(ValueError, match=r"All cells of condition 'b' are identical in obsm\['X'\]"):
        density_abundance(states_of(x), PLAIN, "count")
