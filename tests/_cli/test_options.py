"""Options follow the functions and their settings classes."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import pytest
import typer

import kompot_scverse as kp
from kompot_scverse._cli.options import arguments_of, options_of
from kompot_scverse._cli.values import settings_type

FUNCTIONS = [kp.tl.de, kp.tl.da, kp.tl.smooth]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model. It has more to say."""

    depth: int = 3
    """How deep; None for as deep as `groupby` says."""
    groupby: float = 0.5
    """Has the name of an argument."""
    threads: bool = False
    """Has the name of an option of all commands."""

    def __post_init__(self) -> None:
        if self.depth < 0:
            raise ValueError("`depth` must be positive.")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A trial."""

    depth: int = 1
    """Has the name of a field of another class."""


def function(data: object, groupby: str, *, model: Model | None = None, test: Trial | None = None) -> None:
    """
    Does something.

    Parameters
    ----------
    data
        Data.
    groupby
        Column.
    model, test
        Settings.

    Returns
    -------
    None.
    """


def test_settings_are_options() -> None:
    options = options_of(function)
    assert list(options) == ["groupby", "depth", "model_groupby", "model_threads", "test_depth"]
    texts = {name: option.annotation.__metadata__[0] for name, option in options.items()}
    assert texts["depth"].help == "How deep; leave it out for as deep as groupby says. Default: 3."
    assert texts["depth"].rich_help_panel == "model: A model. It has more to say"
    assert texts["model_threads"].default == "--model-threads/--no-model-threads"


def test_the_command_line_comes_before_the_file() -> None:
    given = {"groupby": None, "depth": 5, "model_groupby": None, "test_depth": 2}
    config = {"groupby": "Age", "model": {"depth": 4, "groupby": 0.1}}
    found = arguments_of(function, given, config)
    assert found == {"groupby": "Age", "model": Model(depth=5, groupby=0.1), "test": Trial(depth=2)}
    assert config["model"] == {"depth": 4, "groupby": 0.1}


def test_a_number_may_have_a_word_in_its_place() -> None:
    option = options_of(kp.tl.de)["amplitude"].annotation.__metadata__[0]
    assert [option.parser(text) for text in ("2", "evidence")] == [2.0, "evidence"]
    with pytest.raises(typer.BadParameter, match="'high' is neither a number nor 'evidence'"):
        option.parser("high")


def test_what_settings_refuse() -> None:
    with pytest.raises(typer.BadParameter, match="model: `depth` must be positive"):
        arguments_of(function, {"depth": -1}, {})
    with pytest.raises(typer.BadParameter, match=r"--other is no argument of kp\.tl\.function"):
        arguments_of(function, {"other": 1}, {})


@pytest.mark.parametrize("function", FUNCTIONS)
def test_all_settings_have_options_that_work(function: Callable) -> None:
    """But for arrays. Every default, given as an option, is the default."""
    options = set(options_of(function))
    for name, parameter in inspect.signature(function).parameters.items():
        kind = settings_type(parameter.annotation)
        if kind is None:
            continue
        for field in fields(kind):
            if "ndarray" in str(field.type):
                continue
            assert {field.name, f"{name}_{field.name}"} & options, field.name
            option = field.name if field.name in options else f"{name}_{field.name}"
            found = arguments_of(function, {option: field.default}, {})
            assert found.get(name, kind()) == replace(kind(), **{field.name: field.default})


@pytest.mark.parametrize("function", FUNCTIONS)
def test_help_is_of_a_command_line(function: Callable) -> None:
    for name, option in options_of(function).items():
        text = option.annotation.__metadata__[0].help
        assert text, name
        found = re.search(
            r"\b(mask|dict|None|True|False|boolean|array|generator|callable|instance|in place)\b|[`]", text
        )
        assert found is None, (name, text)
