"""Arguments from a YAML file."""

from pathlib import Path

import pytest
import typer

import kompot_scverse as kp
from kompot_scverse._cli.config import read_config


def read(folder: Path, text: str) -> dict:
    path = folder / "config.yaml"
    path.write_text(text)
    return read_config(path, kp.tl.de)


def test_values_have_the_types_of_the_arguments(tmp_path: Path) -> None:
    found = read(
        tmp_path, "groupby: Age\ngroups: [Old, 1]\npaired: true\ngp: {sigma: 5e-1, n_landmarks: 1e2, kernel: null}\n"
    )
    assert found == {
        "groupby": "Age", "groups": ["Old", 1], "paired": True,
        "gp": {"sigma": 0.5, "n_landmarks": 100, "kernel": None},
    }  # fmt: skip
    assert isinstance(found["gp"]["n_landmarks"], int)


def test_a_design_is_a_mapping(tmp_path: Path) -> None:
    found = read(tmp_path, "groupby: {formula: ~ age, test: age, block: donor}\n")
    assert found == {"groupby": kp.Design("~ age", test="age", block="donor")}


def test_an_empty_file_gives_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "# all defaults\n") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("groupbi: Age", "no setting 'groupbi'; existing: 'groupby'"),
        ("groupby: {formula: ~ age, tests: age}", "no setting 'tests'"),
        ("groupby: {formula: 3}", "groupby: `formula` must be text"),
        ("gp: [1]", "gp must hold `name: value` lines, not list"),
        ("data: x", "no setting 'data'"),
    ],
)
def test_what_a_file_cannot_say(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(typer.BadParameter) as raised:
        read(tmp_path, text)
    assert raised.value.message.startswith(f"--config {tmp_path / 'config.yaml'}")
    assert expected in raised.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="No such file"):
        read_config(tmp_path / "absent.yaml", kp.tl.de)
