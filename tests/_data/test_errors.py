"""Errors name what exists, closest first."""

import numpy as np
import pytest

from kompot_scverse._data.errors import NamedError, choices, in_modality, missing


def test_the_closest_name_comes_first_and_many_are_counted():
    assert choices("Old", ["Young", "old", "Mid"]).startswith("existing: 'old', ")
    text = choices("x", [f"name {number}" for number in range(15)])
    assert text.count("'name") == 12
    assert text.endswith(" and 3 more")
    assert choices("x", []) == "there are none"


def test_a_missing_name_prints_as_a_sentence():
    error = missing("obs column", "ag", ["age"], "Pass `groupby=`.")
    assert isinstance(error, KeyError)
    assert str(error) == "No obs column 'ag'; existing: 'age'. Pass `groupby=`."
    assert str(missing("gene", np.array("a"), [])) == "No gene 'a'; there are none."


@pytest.mark.parametrize(("mod", "notes"), [("rna", ["This is about modality 'rna' of the MuData."]), ("", None)])
def test_errors_of_a_modality_say_so(mod, notes):
    with pytest.raises(NamedError) as caught, in_modality(mod):
        raise NamedError("no")
    assert getattr(caught.value, "__notes__", None) == notes
