"""What a design determines, and its canonical form, against identities."""

import numpy as np
import pytest

from kompot_scverse._gp.varying_coefficients import contrast_design
from kompot_scverse._stats.design_matrix import canonical_design, first_follower, is_difference

RNG = np.random.default_rng(0)
AGE = RNG.uniform(20, 80, 12)
STAGE = np.eye(3)[np.repeat(np.arange(3), 4)]


def test_first_follower_names_what_determines_it():
    matrix = np.column_stack([np.ones(12), STAGE[:, 1], AGE, 1e6 * (2 * AGE - 3 * STAGE[:, 1]), STAGE[:, 2]])
    assert first_follower(matrix) == (3, [1, 2])
    assert first_follower(matrix[:, [0, 1, 2, 4]]) is None
    assert first_follower(np.column_stack([np.ones(12), STAGE])) == (3, [0, 1, 2])


def test_differences_are_orthogonal_to_the_level():
    with_constant, without = np.column_stack([np.ones(12), STAGE[:, 1:], AGE]), STAGE
    assert is_difference(with_constant, np.array([0.0, 1, -1, 0]))
    assert is_difference(with_constant, np.eye(4)[:, 1:])
    assert not is_difference(with_constant, np.array([1.0, 0, 0, 0]))
    assert is_difference(without, np.array([1.0, 0, -1]))
    assert not is_difference(without, np.array([1.0, 0, 0]))
    assert is_difference(AGE[:, None], np.ones(1)) is None


@pytest.mark.parametrize("n", [2, 3, 5])
def test_conditions_have_the_contrasts_of_the_model(n):
    """Up to a rotation: the prior covariance of the samples is the same."""
    conditions = np.repeat(np.arange(n), [3, *[2] * (n - 1)])
    expected = contrast_design(conditions)
    found, _ = canonical_design(np.column_stack([np.ones(len(conditions)), np.eye(n)[conditions][:, 1:]]))
    np.testing.assert_allclose(found[:, 1:] @ found[:, 1:].T, expected[:, 1:] @ expected[:, 1:].T, atol=1e-12)
    np.testing.assert_array_equal(found[:, 0], 1)


def test_canonical_design_depends_on_the_models_only():
    """Neither on the coding, nor on units and offsets; and its coefficients give those of the design."""
    base = np.column_stack([np.ones(12), STAGE[:, 1:], AGE])
    found, back = canonical_design(base)
    np.testing.assert_allclose(base @ back, found, atol=1e-10)
    covariance = found[:, 1:] @ found[:, 1:].T
    for other in (
        np.column_stack([STAGE, AGE]),
        np.column_stack([np.ones(12), STAGE[:, :2], 365 * AGE + 1000]),
        base @ np.array([[1.0, 2, 0, 1], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0.5, 1]]),
    ):
        again, _ = canonical_design(other)
        np.testing.assert_allclose(again[:, 1:] @ again[:, 1:].T, covariance, atol=1e-7)
    # two distinct rows differ by 1 on average, in the squares
    differences = found[:, None, 1:] - found[None, :, 1:]
    assert np.square(differences).sum(axis=2)[np.triu_indices(12, 1)].mean() == pytest.approx(1)
