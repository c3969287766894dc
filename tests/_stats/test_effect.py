"""Effects: their names in keys, and whether they have one direction."""

import numpy as np

from kompot_scverse._stats.effect import Effect


def test_one_contrast_has_a_direction_and_several_have_none():
    assert not Effect("age", np.array([0.0, 1.0])).omnibus
    assert Effect("stage", np.eye(3)[:, 1:]).omnibus


def test_the_key_of_an_effect_is_a_name_that_files_take():
    assert Effect("age:sex[T.male] / 10", np.ones(2)).key == "age_sex_T.male_10"
    assert Effect("[]", np.ones(2)).key == "_"


def test_levels_from_estimates_of_the_contrasts():
    """A design 1 + poly(day, 2): the levels are values of the curve less the first."""
    rows = np.array([[1, -1.0, 1.0], [1, 0.0, -2.0], [1, 1.0, 1.0]])
    of_levels = ((rows - rows[:1]) * [0, 1, 1]).T
    effect = Effect("day", np.eye(3)[:, 1:], levels=("0", "3", "7"), of_levels=of_levels)
    beta = np.array([[4.0, 0.5, -0.2], [1.0, 0.0, 0.3]])
    found = effect.levels_of(beta @ effect.contrast)
    np.testing.assert_allclose(found, (rows @ beta.T) - (rows @ beta.T)[:1], atol=1e-12)


def test_levels_that_the_contrasts_do_not_give():
    effect = Effect("x", np.array([[-1.0], [1.0]]), levels=("a", "b"), of_levels=np.eye(2))
    assert effect.levels_of(np.ones((5, 1))) is None
