"""What a design takes and what it refuses."""

import pandas as pd
import pytest

import kompot_scverse as kp


def test_a_design_shows_what_was_given_and_can_be_compared():
    design = kp.Design("~ age + sex", test="age", block="donor")
    assert repr(design) == "Design('~ age + sex', test='age', block='donor')"
    assert design == kp.Design("~ age + sex", test=["age", "age"], block="donor")
    assert hash(design) == hash(kp.Design("~ age + sex", test=("age",), block="donor"))
    assert kp.Design("~ a*b", test=["a", "a:b"]).tests == ("a", "a:b")
    assert kp.Design("~ a", contrasts={"x": {"a": 1}}).tests == ()


def test_contrasts_are_kept_as_coefficients():
    """Also what formulaic-contrasts gives: a Series over all coefficients."""
    series = pd.Series({"Intercept": 0.0, "a[T.x]": 1.0, "a[T.y]": -1})
    design = kp.Design("~ a", contrasts={"x_vs_y": series, "named": ("a", "x", "y")})
    assert design.contrasts == {"x_vs_y": {"a[T.x]": 1.0, "a[T.y]": -1.0}, "named": ("a", "x", "y")}


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"formula": 3, "test": "a"}, TypeError, "`formula` must be text"),
        ({"formula": "~", "test": "a"}, ValueError, "`formula` is empty"),
        ({"formula": "y ~ a", "test": "a"}, ValueError, "left-hand side"),
        ({"formula": "~ a"}, ValueError, "does not say what is tested"),
        ({"formula": "~ a", "test": [1]}, TypeError, "`test` must hold text"),
        ({"formula": "~ a", "contrasts": [("a", 1)]}, TypeError, "must be a mapping"),
        ({"formula": "~ a", "contrasts": {"x": {"a": "1"}}}, TypeError, "must give numbers"),
        ({"formula": "~ a", "contrasts": {"x": {"a": 0}}}, ValueError, "is 0 for all"),
        ({"formula": "~ a", "contrasts": {"x": "a"}}, TypeError, "variable, baseline, group"),
        ({"formula": "~ a", "test": "a", "block": 1}, TypeError, "`block` must be"),
    ],
)
def test_designs_that_cannot_be(arguments, error, match):
    with pytest.raises(error, match=match):
        kp.Design(**arguments)
