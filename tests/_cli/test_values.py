"""YAML and its values as the arguments take them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from kompot_scverse._cli.values import as_taken
from kompot_scverse._cli.yaml_core import load


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-6", 1e-6), ("5e-2", 0.05), ("1e2", 100.0), ("+.5E+3", 500.0), ("1.", 1.0), ("-3", -3), (".inf", float("inf")),
        ("0", 0), ("007", "007"), ("12:30", "12:30"), ("2024-01-01", "2024-01-01"), ("no", "no"), ("On", "On"), ("1e", "1e"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("'1e2'", "1e2"), ("e5", "e5"), ("+", "+"),
    ],
)  # fmt: skip
def test_scalars(text: str, expected: object) -> None:
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


LABEL = object | Sequence[object] | None


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ("x", str), ("x", str | None), (None, str | None), (1, float), (0.5, float | None), (True, bool), (3, int),
        ("x", LABEL), (1, LABEL), (["x", 1], LABEL), (["x"], str | Sequence[str]), ({"rna": "x"}, Mapping[str, str] | str),
        ("lazy", Literal["lazy"] | None), ([1.5, 2], np.ndarray | None), ("Matern32", Callable | type | str | None),
    ],
)  # fmt: skip
def test_what_fits(value: object, annotation: Any) -> None:
    assert as_taken(value, annotation, "here") == value


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (["x"], str | None, "here must be a text, or null, not ['x']"),
        ("no", bool, "here must be true or false, not 'no'"),
        (True, int, "a whole number"),
        (1.5, int, "a whole number"),
        ("high", float, "a number"),
        (None, str, "a text"),
        ({"a": 1}, object, "a text or a number"),
        (["x", ["y"]], str | Sequence[str], "a text, or a list"),
        ("lay", Literal["lazy", "disk"], "'lazy' or 'disk'"),
    ],
)
def test_what_does_not(value: object, annotation: Any, expected: str) -> None:
    with pytest.raises(ValueError, match="here must be") as raised:
        as_taken(value, annotation, "here")
    assert expected in str(raised.value)


def test_whole_numbers_and_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = as_taken(1e3, int, "here")
    assert (found, type(found)) == (1000, int)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert as_taken("~/x", str | Path | None, "here") == str(tmp_path / "x")
    assert as_taken("~/x", str | None, "here") == "~/x"
