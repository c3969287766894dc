"""Formulas over samples, and the sentences about those that cannot be."""

import numpy as np
import pandas as pd
import pytest

from kompot_scverse._data.formula import formula_matrix, formula_variables

USED = np.ones(12, dtype=bool)


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "stage": pd.Categorical(["d", "r", "p"] * 4, categories=["d", "r", "p"]),
            "age": rng.uniform(20, 80, 12),
            "sex": pd.Categorical(list("fmfmfmffmmfm")),
            "day": [0, 3, 7] * 4,
            "early": [0, 1] * 6,
            "dose in mg": rng.uniform(size=12),
        }
    )


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("~ age + sex", ["age", "sex"]),
        ("~ bs(day, df=3) + np.log(age)", ["day", "age"]),
        ("~ C(stage, contr.treatment(base='d')) * sex", ["stage", "sex"]),
        ("~ center(`dose in mg`) + `dose in mg`:sex", ["dose in mg", "sex"]),
        ("~ 0 + stage", ["stage"]),
    ],
)
def test_variables_of_a_formula(table, formula, expected):
    assert sorted(formula_variables(formula, list(table))) == sorted(expected)


def test_matrix_is_that_of_least_squares(table):
    found = formula_matrix("~ age + sex", table[["age", "sex"]], USED)
    assert found.columns == ("Intercept", "age", "sex[T.m]")
    np.testing.assert_array_equal(found.values, np.column_stack([np.ones(12), table["age"], table["sex"] == "m"]))
    assert found.terms == {"1": (0,), "age": (1,), "sex": (2,)}
    assert found.categorical["sex"]
    assert not found.categorical["age"]
    assert found.plain == ("age", "sex")
    np.testing.assert_array_equal(found.at(pd.DataFrame({"age": [50], "sex": ["m"]})), [[1, 50, 1]])


def test_splines_are_evaluated_where_they_were_fitted(table):
    found = formula_matrix("~ bs(age, df=3)", table[["age"]], USED)
    np.testing.assert_allclose(found.at(table[["age"]].iloc[[3, 5]]), found.values[[3, 5]])


@pytest.mark.parametrize(
    ("formula", "match"),
    [
        ("~ age + I(2 * age)", r"'I\(2 \* age\)' follows from 'age'.*Drop the term"),
        ("~ stage + C(day)", r"the 12 samples: 'C\(day\)\[T.3\]' follows from 'stage\[T.r\]'"),
        ("~ 0 + age", "has no constant"),
        ("~ bs(age, df=11)", "12 samples are too few for the 12 coefficients"),
        ("~ np.log(-age)", "cannot be evaluated|cannot be told apart"),
        (
            "~ bs(day, df=3)",
            r"'day' has 3 values in them \(0, 3, 7\), which determine 2 coefficients, and 'bs\(day, df=3\)' has 3. Write "
            r"'poly\(day, 2\)', or 'C\(day\)'",
        ),
        ("~ bs(early, df=3)", r"'early' has 2 values in them \(0, 1\).*Write 'early', or 'C\(early\)'"),
        ("~ cr(age, df=3)", r"the columns of 'cr\(age, df=3\)' add up to a constant.* Begin the formula with '0 \+'"),
        ("~ 0 + C(day) + stage", "'stage.*' follows from"),
        ("~ sex + (", r"cannot be read: Could not find matching context marker. ~ sex \+"),
        ("~ sex | age", "right-hand side only"),
    ],
)
def test_impossible_formulas(table, formula, match):
    with pytest.raises(ValueError, match=match), np.errstate(invalid="ignore"):
        formula_matrix(formula, table[formula_variables(formula, list(table))], USED)


def test_constant_variables_and_empty_combinations(table):
    table["sex"] = pd.Categorical(["f"] * 12)
    table["level"] = 5.0
    with pytest.raises(ValueError, match="'level' is 5.0 in all of them. Drop the term 'level'"):
        formula_matrix("~ level", table[["level"]], USED)
    table["sex"] = pd.Categorical(np.where(table["stage"] == "d", "f", list("fmfmfmffmmfm")))
    with pytest.raises(ValueError, match="are 0 in all of them|is 0 in all of them|follows from"):
        formula_matrix("~ sex * stage", table[["sex", "stage"]], USED)


def test_unknown_variables(table):
    with pytest.raises(KeyError, match="'agee' of the formula '~ agee' is no obs column; existing: 'age'"):
        formula_variables("~ agee", list(table))
