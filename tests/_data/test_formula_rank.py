"""Designs that the samples do not determine, and what to drop."""

import numpy as np
import pandas as pd
import pytest

from kompot_scverse._data.formula import formula_matrix
from kompot_scverse._data.formula_rank import check_rank

TABLE = pd.DataFrame({"age": [20.0, 30, 40, 50, 60, 70, 25, 45], "sex": list("fmfmfmfm"), "dose": [1.0] * 8})
TABLE["sex"] = pd.Categorical(TABLE["sex"])


def check(formula: str, used: np.ndarray | None = None, *, replicates: bool = True) -> None:
    every = np.ones(len(TABLE), dtype=bool)
    found = formula_matrix(formula, TABLE, every, replicates=False)
    check_rank(found, every if used is None else used, replicates=replicates)


@pytest.mark.parametrize("formula", ["~ age", "~ age * sex", "~ 0 + sex", "~ poly(age, 3)"])
def test_designs_of_full_rank_pass(formula: str) -> None:
    check(formula)


def test_only_samples_that_are_used_count() -> None:
    men = (TABLE["sex"] == "m").to_numpy()
    check("~ sex")
    with pytest.raises(ValueError, match=r"4 samples: 'sex' is m in all of them\. Drop the term 'sex'|are 0|is 0"):
        check("~ sex", men)


def test_more_coefficients_than_samples_leave_no_variance() -> None:
    few = np.arange(8) < 4
    check("~ age * sex", few, replicates=False)
    with pytest.raises(ValueError, match=r"4 samples are too few for the 4 coefficients of the design '~ age \* sex'"):
        check("~ age * sex", few)


def test_a_curve_with_more_coefficients_than_the_values_allow() -> None:
    two = np.isin(TABLE["age"], [20, 40, 60]) | (TABLE["age"] == 25)
    with pytest.raises(
        ValueError, match=r"'age' has 4 values in them \(20, 25, 40, 60\), which determine 3 coefficients"
    ):
        check("~ bs(age, df=4)", two, replicates=False)
