"""What is tested of a formula."""

import numpy as np
import pandas as pd
import pytest
from formulaic_contrasts import FormulaicContrasts

from kompot_scverse._data.effects import find_effects
from kompot_scverse._data.formula import formula_matrix, formula_variables
from kompot_scverse.design import Design

USED = np.ones(12, dtype=bool)
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "stage": pd.Categorical(["d", "r", "p"] * 4, categories=["d", "r", "p"]),
        "age": RNG.uniform(20, 80, 12),
        "sex": pd.Categorical(list("fmfmfmffmmfm")),
    }
)


def effects(formula, test=None, contrasts=None):
    matrix = formula_matrix(formula, TABLE[formula_variables(formula, list(TABLE))], USED)
    return matrix, find_effects(matrix, Design(formula, test, contrasts), USED)


def estimates(matrix, contrast):
    """Of a fixed y, by least squares."""
    y = np.random.default_rng(1).normal(size=12)
    return contrast.T @ np.linalg.lstsq(matrix.values, y, rcond=None)[0]


def test_a_slope_has_the_unit_of_its_variable():
    _, (age,) = effects("~ age + sex", "age")
    assert (age.name, age.key, age.unit, age.omnibus) == ("age", "age", "age", False)
    np.testing.assert_array_equal(age.contrast, [0, 0, 1] if age.contrast[2] else [0, 1, 0])


def test_a_category_is_tested_as_a_whole_and_level_by_level():
    matrix, found = effects("~ C(stage) + sex", "C(stage)")
    assert [effect.key for effect in found] == ["C_stage", "C_stage_T.r", "C_stage_T.p"]
    whole = found[0]
    assert whole.omnibus
    assert whole.levels == ("d", "r", "p")
    np.testing.assert_allclose(
        estimates(matrix, whole.of_levels)[1:], [estimates(matrix, e.contrast) for e in found[1:]]
    )


def test_lookup_is_by_coefficient_then_term_then_variable():
    formula = "~ stage * sex"
    assert [e.name for e in effects(formula, "sex[T.m]")[1]] == ["sex[T.m]"]
    assert effects(formula, "sex")[1][0].contrast.ndim == 1
    assert effects(formula, "sex:stage")[1][0].contrast.shape == (6, 2)
    # no term of that name: all with it
    assert effects("~ bs(age, df=3) + sex", "age")[1][0].contrast.shape == (5, 3)
    assert effects("~ C(sex) + age:C(sex)", "sex")[1][0].contrast.shape[1] >= 2


def test_the_same_model_written_otherwise_has_the_same_contrasts():
    first, (a, *_) = effects("~ stage", contrasts={"p_vs_r": {"stage[T.p]": 1, "stage[T.r]": -1}})
    second, (b, *_) = effects("~ 0 + stage", contrasts={"p_vs_r": {"stage[p]": 1, "stage[r]": -1}})
    third, (c, *_) = effects("~ stage", contrasts={"p_vs_r": ("stage", "r", "p")})
    assert estimates(first, a.contrast) == pytest.approx(estimates(second, b.contrast))
    assert estimates(first, a.contrast) == pytest.approx(estimates(third, c.contrast))
    # the omnibus without a constant is of differences, too
    _, (whole,) = effects("~ 0 + stage", "stage")
    assert whole.contrast.shape == (3, 2)
    assert np.linalg.matrix_rank(np.column_stack([whole.contrast, [0, -1, 1]])) == 2


def test_contrasts_of_formulaic_contrasts():
    model = FormulaicContrasts(TABLE, "~ stage * sex")
    value = model.cond(stage="p", sex="m") - model.cond(stage="r", sex="m")
    matrix, (effect,) = effects("~ stage * sex", contrasts={"in_males": value})
    np.testing.assert_array_equal(effect.contrast, value[list(matrix.columns)])


def test_a_smooth_curve_is_evaluated_along_its_variable():
    matrix, (age,) = effects("~ bs(age, df=3)", "age")
    assert len(age.levels) == 9
    at = matrix.at(pd.DataFrame({"age": [TABLE["age"].min(), TABLE["age"].max()]}))
    np.testing.assert_allclose(age.of_levels[:, -1], at[1] - at[0])


@pytest.mark.parametrize(
    ("formula", "test", "contrasts", "error", "match"),
    [
        ("~ age", "sexx", None, KeyError, "no coefficient, term or variable"),
        ("~ age", None, {"x": {"agee": 1}}, KeyError, "names 'agee', which is no coefficient.*'age'"),
        ("~ stage", None, {"x": ("stages", "d", "r")}, KeyError, "no variable"),
        ("~ stage", None, {"x": ("stage", "d", "zz")}, ValueError, "formulaic-contrasts"),
        ("~ age", "Intercept", None, ValueError, "the level itself"),
        ("~ 0 + stage", "stage[d]", None, ValueError, "the level itself"),
        ("~ age + sex", "age", {"age": {"sex[T.m]": 1}}, ValueError, "written under the same name"),
        ("~ age + sex", None, {"a b": {"age": 1}, "a_b": {"sex[T.m]": 1}}, ValueError, "'a b' and 'a_b' would be"),
    ],
)
def test_what_cannot_be_tested(formula, test, contrasts, error, match):
    with pytest.raises(error, match=match):
        effects(formula, test, contrasts)
