"""Rows of a recorded design at values of choice."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import CONTRAST, add_run

from kompot_scverse._runs.formula_rows import row_at

VARIABLES = {"age": [20.0, 40.0, 60.0, 80.0], "sex": ["f", "m", "m", "f"]}
DESIGN = {"groupby": "~ age + sex", "group": "age", "effect": "age"}


@pytest.fixture
def view():
    params = {"formula": "~ age + sex", "variables": VARIABLES, "categories": {"sex": ["f", "m"]}}
    return add_run(AnnData(np.zeros((2, 1))), contrast=DESIGN, params=params, var={"mean_lfc": np.zeros(1)})


def test_what_is_not_given_is_the_average_of_the_samples(view) -> None:
    np.testing.assert_allclose(row_at(view, {}), [1, 50, 0.5])
    np.testing.assert_allclose(row_at(view, {"age": 30}), [1, 30, 0.5])
    np.testing.assert_allclose(row_at(view, {"age": 30, "sex": "m"}), [1, 30, 1])


def test_values_beyond_the_observed_ones_are_extrapolated_with_a_warning(view) -> None:
    with pytest.warns(UserWarning, match="outside the observed range, 20 to 80: the design is extrapolated"):
        row = row_at(view, {"age": 100})
    np.testing.assert_allclose(row, [1, 100, 0.5])


def test_unknown_variables_and_categories(view) -> None:
    with pytest.raises(KeyError, match="variable of the design"):
        row_at(view, {"weight": 1})
    with pytest.raises(KeyError, match="category of 'sex'"):
        row_at(view, {"sex": "x"})


def test_only_designs_have_rows() -> None:
    view = add_run(AnnData(np.zeros((2, 1))), contrast=CONTRAST, var={"mean_lfc": np.zeros(1)})
    with pytest.raises(ValueError, match="`at=` is for runs of a design; run 0 .* compares two conditions"):
        row_at(view, {"age": 1})
