"""Calls as they are recorded, and as they are given back."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kompot_scverse as kp
from kompot_scverse._runs.call import MAX_LENGTH, call_text, record_call, restore_arguments


def test_call_text_of_odd_values() -> None:
    given = {
        "groups": [np.int64(1), True, None, float("nan")],
        "reference": "a'b\"c\n",
        "genes": [f"g{i}" for i in range(9999)],
    }
    text = call_text(record_call(kp.tl.de, given))
    assert 'groups=[1, True, None, float("nan")]' in text.replace("'", '"')
    assert r'''reference="a'b\"c\n"''' in text
    assert "genes=genes,  # `genes` was 9,999 values, too many to store" in text
    ast.parse(text)


def test_what_is_at_its_default_or_says_nothing_of_the_result_is_not_recorded() -> None:
    given = {"data": None, "groupby": "Age", "reference": "Young", "paired": False, "overwrite": True, "unknown": 1}
    call = record_call(kp.tl.de, given)
    assert call == {"function": "de", "arguments": {"groupby": "Age", "reference": "Young"}, "data": "mdata"}


def test_recorded_arguments_come_back_as_values() -> None:
    given = {
        "groupby": kp.Design("~ age", test=["age"]),
        "gp": kp.GPSettings(ls=3.0, kernel="Matern32"),
        "test": kp.TestSettings(null_genes=50),
        "storage": kp.StorageSettings(layers="disk", directory=Path("results")),
        "covariates": ("sex", "batch"),
    }
    found = restore_arguments(record_call(kp.tl.de, given))
    storage = kp.StorageSettings(layers="disk")
    assert found == given | {"covariates": ["sex", "batch"], "storage": storage}


def test_what_was_not_stored_does_not_come_back() -> None:
    call = record_call(kp.tl.de, {"groupby": "Age", "mask_obs": np.arange(400) < 7})
    assert call["arguments"]["mask_obs"] == {"not_stored": "a boolean mask, True for 7 of 400"}
    with pytest.raises(LookupError, match="`mask_obs` of this run was a boolean mask, True for 7 of 400, which is not"):
        restore_arguments(call)
    with pytest.raises(LookupError, match="did not record its call"):
        restore_arguments({})


def test_long_arguments_are_described() -> None:
    genes = ["g" * (MAX_LENGTH // 2)] * 2
    assert record_call(kp.tl.de, {"genes": genes})["arguments"]["genes"] == {
        "not_stored": "2 values, too many to store"
    }
    assert record_call(kp.tl.de, {"genes": genes[:1]})["arguments"]["genes"] == genes[:1]


def test_what_was_called_on_the_result_follows() -> None:
    later = {"function": "threshold_da", "arguments": {"min_lfc": 0.5}}
    added = {"regions": {"function": "regions", "arguments": {}}}
    text = call_text({"function": "da", "arguments": {"groupby": "Age"}, "then": later, "added": added}, "mine")
    assert [ast.unparse(one.value) for one in ast.parse(text).body] == [
        "kp.tl.da(mine, 'Age')",
        "kp.tl.threshold_da(mine, min_lfc=0.5)",
        "kp.tl.regions(mine)",
    ]


RECORD = {"function": "de", "arguments": {"groupby": "Age"}}
EVIL = '");import os;("'


@pytest.mark.parametrize(
    "record",
    [
        RECORD | {"function": f"de({EVIL})"},
        RECORD | {"function": "cleanup"},
        RECORD | {"data": EVIL},
        RECORD | {"arguments": {EVIL: 1}},
        RECORD | {"arguments": {"lambda": 1}},
        RECORD | {"arguments": {"gp": {"settings": EVIL, "arguments": {}}}},
        RECORD | {"arguments": {"gp": {"settings": "GPSettings", "arguments": {"x=1);import os;(": 1}}}},
        RECORD | {"arguments": {"gp": {"what": 1}}},
        RECORD | {"arguments": 3},
        {"arguments": {}},
    ],
)
def test_a_call_that_is_none_is_not_given_back(record: dict) -> None:
    assert call_text(record) == "# what this run recorded as its call is none of this package"


@pytest.mark.parametrize(
    "value",
    [
        EVIL, "'" + EVIL, "\n\r\u2028\x85\0\\", "\\", "\udcff", [EVIL, ["\n"]], {"mapping": {EVIL: [EVIL]}}, 1e400,
        {"settings": "GPSettings", "arguments": {"kernel": EVIL}},
        {"not_stored": "a\nimport os\n", "left_out": False},
    ],
)  # fmt: skip
def test_a_call_holds_nothing_but_values(value: object) -> None:
    tree = ast.parse(call_text(RECORD | {"arguments": {"groupby": EVIL, "genes": value}}))
    (statement,) = tree.body
    assert isinstance(statement, ast.Expr)
    assert ast.unparse(statement.value.func) == "kp.tl.de"
    assert ast.literal_eval(statement.value.args[1]) == EVIL
    names = {ast.unparse(node.func) for node in ast.walk(statement.value) if isinstance(node, ast.Call)}
    assert names <= {"kp.tl.de", "kp.GPSettings", "float"}
    if isinstance(value, str):
        assert ast.literal_eval(statement.value.keywords[0].value) == value


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (pd.Series(["Old", "Mid"]), '["Old", "Mid"]'),
        (np.array(["Old", "Mid"]), '["Old", "Mid"]'),
        ({"Old", "Mid"}, '["Mid", "Old"]'),
        ({"Old": 1, "Mid": 2}.keys(), '["Mid", "Old"]'),
        (np.array("Old"), '"Old"'),
    ],
)
def test_call_with_labels_of_any_kind(given: object, stored: str) -> None:
    assert f"groups={stored}," in call_text(record_call(kp.tl.da, {"groups": given})).replace("'", '"')
