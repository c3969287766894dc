"""YAML as its version 1.2 means it."""

import pytest

from kompot_scverse._cli.yaml_core import load


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-6", 1e-6), ("5e-2", 0.05), ("1e2", 100.0), ("+.5E+3", 500.0), ("1.", 1.0), ("-3", -3), (".inf", float("inf")),
        ("0", 0), ("007", "007"), ("12:30", "12:30"), ("2024-01-01", "2024-01-01"), ("no", "no"), ("On", "On"), ("1e", "1e"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("'1e2'", "1e2"), ("e5", "e5"), ("+", "+"),
    ],
)  # fmt: skip
def test_scalars_have_the_type_that_they_look_like(text: str, expected: object) -> None:
    found = load(f"a: {text}")["a"]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a: b: c", "not YAML"), ("a: 1\na: 2", "'a' is given twice"), ("[" * 1000, "too deep"), ("a: !!python/name:os", "YAML")],
)  # fmt: skip
def test_no_yaml(text: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as raised:
        load(text)
    assert "\n" not in str(raised.value)
