"""Levels that stand in the place of two conditions."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._runs.design_levels import BINS, MAX_VALUES, DesignLevels, design_levels

AGES = np.linspace(20, 80, 12)
SAMPLES = {"day": [0.0, 3, 7] * 4, "age": AGES.tolist(), "sex": list("fm") * 6}


def levels(formula: str, contrast: list[float], **obs: list) -> DesignLevels:
    """Of a run whose samples have one cell each, in obs as given or as the samples have it."""
    cells = SAMPLES | obs
    adata = AnnData(np.zeros((12, 1)), obs=pd.DataFrame(cells, index=[f"c{n}" for n in range(12)]))
    names = [name for name in SAMPLES if name in formula]
    params = {
        "formula": formula, "variables": {name: SAMPLES[name] for name in names},
        "categories": {"sex": ["f", "m"]} if "sex" in names else {},
        "effects": {"e": {"name": "e", "unit": None, "levels": [], "contrast": contrast}},
    }  # fmt: skip
    run = {"groupby": formula, "group": "e", "effect": "e"}
    return design_levels(add_run(adata, contrast=run, params=params, var={"mean_lfc": np.zeros(1)}))


def test_few_values_of_a_number_stand_by_themselves() -> None:
    found = levels("~ day", [0, 1])
    assert (found.variable, found.names, found.ordered) == ("day", ("0", "3", "7"), True)
    np.testing.assert_array_equal(found.codes, [0, 1, 2] * 4)
    np.testing.assert_array_equal(found.position, SAMPLES["day"])


def test_many_values_are_in_bins_with_as_many_samples_each() -> None:
    assert len(AGES) > MAX_VALUES
    found = levels("~ age", [0, 1])
    assert len(found.names) == BINS
    np.testing.assert_array_equal(found.codes, np.repeat(np.arange(4), 3))
    assert found.names[0] == f"{AGES[0]:g} to {AGES[2]:g}"


@pytest.mark.parametrize(("contrast", "variable"), [([0, 1, 0], "age"), ([0, 0, 1], "sex")])
def test_the_variable_is_that_of_the_effect(contrast: list[float], variable: str) -> None:
    assert levels("~ age + sex", contrast).variable == variable


def test_several_variables_are_combined() -> None:
    found = levels("~ day * sex", [0, 0, 0, 1])
    assert found.variable == "day, sex"
    assert not found.ordered
    assert found.names == ("0, f", "0, m", "3, f", "3, m", "7, f", "7, m")
    texts = [f"{day:g}, {sex}" for day, sex in zip(SAMPLES["day"], SAMPLES["sex"], strict=True)]
    assert [found.names[code] for code in found.codes] == texts


def test_cells_with_other_values_take_no_part() -> None:
    found = levels("~ day", [0, 1], day=[0.0, 3, 5, np.nan, *SAMPLES["day"][4:]])
    np.testing.assert_array_equal(found.codes[:4], [0, 1, -1, -1])
