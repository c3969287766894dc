"""Log ratios of densities on few cells: identities that hold whatever is estimated, and the truth on average."""

import numpy as np
import pytest
from scipy.special import logsumexp

from kompot_scverse import GPSettings
from kompot_scverse._gp.states import fit_states
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.log_ratio import ratio_abundance

RNG = np.random.default_rng(0)
CODES = np.repeat([0, 1, 2], [120, 100, 80]).astype(np.int32)
CODES[:6] = -1
# the third condition lies to the right of the first, the second where the first lies
X = RNG.normal(size=(300, 2)) + np.column_stack([1.5 * (CODES == 2), np.zeros(300)])


def design(codes: np.ndarray, order: tuple[int, ...] = (0, 1, 2)) -> Design:
    """The conditions in an order."""
    renumbered = np.append(np.argsort(order), -1).astype(np.int32)[codes]
    names = tuple("abc"[number] for number in order)
    return Design("c", names, renumbered, None, names, renumbered, np.arange(3), np.ones(3, dtype=bool))


@pytest.fixture(scope="module")
def states():
    return fit_states(X, CODES >= 0, "X", GPSettings())


@pytest.fixture(scope="module")
def found(states):
    return ratio_abundance(states, design(CODES))


def test_conditions_are_compared_with_their_equal_mixture(found):
    np.testing.assert_allclose(logsumexp(found.fields, axis=0), np.log(3), atol=1e-10)
    np.testing.assert_allclose(found.fields[1:] - found.fields[0], found.lfc, atol=1e-10)
    # also where the cells take no part
    assert np.isfinite(found.fields).all()


def test_mean_densities_over_cells_of_the_reference_are_about_one(found):
    """The mean of p(group) / p(reference) over the reference is 1."""
    own = found.lfc[:, CODES == 0]
    np.testing.assert_allclose(np.exp(own).mean(axis=1), 1, atol=0.35)


def test_what_moved_changes_along_its_shift_and_the_other_does_not(found):
    slope = np.polynomial.polynomial.polyfit(X[CODES >= 0, 0], found.lfc[1, CODES >= 0], 1)[1]
    # of two normal densities with means 1.5 apart, 1.5, here shrunk
    assert 0.7 < slope < 1.7
    assert np.abs(found.lfc[0]).max() < 0.3
    assert found.null_probability[1] < 1e-6
    assert found.null_probability[0] > 0.2
    assert found.summaries[1]["null_probability"] == found.null_probability[1]
    assert found.summaries[1]["amplitude_smooth"] > 0


def test_the_order_of_the_groups_does_not_matter_and_that_of_two_conditions_turns_the_sign(states, found):
    other = ratio_abundance(states, design(CODES, (0, 2, 1)))
    np.testing.assert_allclose(other.lfc[::-1], found.lfc, atol=1e-6)
    np.testing.assert_allclose(other.variance[::-1], found.variance, rtol=1e-5)
    turned = ratio_abundance(states, design(CODES, (2, 1, 0)))
    np.testing.assert_allclose(turned.lfc[1], -found.lfc[1], atol=1e-5)
