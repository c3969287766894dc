"""Effects: their names in keys, and whether they have one direction."""

import numpy as np

from kompot_scverse._stats.effect import Effect


def test_one_contrast_has_a_direction_and_several_have_none():
    assert not Effect("age", np.array([0.0, 1.0])).omnibus
    assert Effect("stage", np.eye(3)[:, 1:]).omnibus


def test_the_key_of_an_effect_is_a_name_that_files_take():
    assert Effect("age:sex[T.male] / 10", np.ones(2)).key == "age_sex_T.male_10"
    assert Effect("[]", np.ones(2)).key == "_"
