"""Which categories are drawn, and in which order."""

import pandas as pd
import pytest

from kompot_scverse.pl._categories import drawn_categories

COLUMN = pd.Series(pd.Categorical(["a", "b", "c", "a"], categories=["a", "b", "c", "d"]), name="type")


def test_those_that_have_something_to_draw_less_those_left_out():
    assert drawn_categories(COLUMN, ["c", "a", "b"]) == ["c", "a", "b"]
    assert drawn_categories(COLUMN, ["c", "a", "b"], exclude="a") == ["c", "b"]
    assert drawn_categories(COLUMN, ["c", "a"], order=["a", "d", "b", "c"]) == ["a", "c"]


def test_unknown_and_no_categories_are_errors():
    with pytest.raises(KeyError, match=r"exclude.*'e'"):
        drawn_categories(COLUMN, ["a"], exclude=["e"])
    with pytest.raises(ValueError, match=r"No category of obs\['type'\] is left"):
        drawn_categories(COLUMN, ["a"], exclude=["a"])
