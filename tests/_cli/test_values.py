"""YAML and its values as the arguments take them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from kompot_scverse._cli.values import as_taken

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
