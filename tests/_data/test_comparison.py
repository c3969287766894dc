"""Arguments that say what is compared: which go together, and what a run records of them."""

import pytest

import kompot_scverse as kp
from kompot_scverse._data.comparison import Comparison, describe_comparison

PLAIN = {
    "groupby": "Age", "reference": "Young", "groups": None, "sample_key": None, "paired": False, "covariates": None,
    "mask_obs": None,
}  # fmt: skip
DESIGN = PLAIN | {"groupby": kp.Design("~ a", "a"), "reference": None}


@pytest.mark.parametrize("given", [PLAIN, DESIGN, PLAIN | {"covariates": "sex", "paired": True}])
def test_arguments_that_go_together(given):
    Comparison(**given).check()


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"reference": "Young"}, "`reference`"),
        ({"groups": "Old", "covariates": ["sex"]}, "`groups` and `covariates`"),
        ({"paired": True}, "`paired`"),
    ],
)
def test_a_design_says_itself_what_is_compared(more, names):
    with pytest.raises(ValueError, match=rf"^{names} cannot stand beside a `kp.Design`"):
        Comparison(**(DESIGN | more)).check()


def test_a_column_needs_a_reference():
    with pytest.raises(TypeError, match=r"`reference` is missing: name the category of obs\['Age'\]"):
        Comparison(**(PLAIN | {"reference": None})).check()


def test_a_run_records_the_design_of_the_samples_where_there_are_any():
    assert describe_comparison(Comparison(**PLAIN), None) == {}
    with_samples = PLAIN | {"sample_key": "mouse"}
    assert describe_comparison(Comparison(**with_samples), None) == {"paired": False, "covariates": []}
    one = with_samples | {"covariates": "sex", "paired": True}
    assert describe_comparison(Comparison(**one), None) == {"paired": True, "covariates": ["sex"]}
