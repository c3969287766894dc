"""The settings of a call in a YAML file."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import typer

from kompot_scverse._data.errors import choices

__all__ = ["read_config", "settings_type"]

GIVEN_OTHERWISE = ("data", "copy", "dry_run", "overwrite")
"""Arguments of the functions that a file cannot give."""


def settings_type(annotation: Any) -> type | None:
    """The settings class of an argument, if it is one."""
    options = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((one for one in options if isinstance(one, type) and dataclasses.is_dataclass(one)), None)


def read_config(path: Path, function: Callable) -> dict[str, Any]:
    """
    Arguments of `function` from a YAML file, with the settings as their classes.

    Raises
    ------
    typer.BadParameter
        If the file is no such mapping, or holds a key that the function or a settings class does not have.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"--config {path} is not YAML: {error}") from error
    content = _mapping({} if content is None else content, f"--config {path}")
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in GIVEN_OTHERWISE
    }
    _check_keys(content, parameters, f"--config {path}")
    found = {}
    for name, value in content.items():
        kind = settings_type(parameters[name].annotation)
        found[name] = value if kind is None or value is None else _settings(kind, value, f"--config {path}: {name}")
    return found


def _settings(kind: type, value: Any, where: str) -> Any:
    """A settings object from a mapping."""
    given = _mapping(value, where)
    _check_keys(given, [field.name for field in dataclasses.fields(kind)], where)
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise typer.BadParameter(f"{where}: {error}") from error


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise typer.BadParameter(f"{where} must hold `name: value` lines, not {type(value).__name__}.")
    return value


def _check_keys(given: Mapping[str, Any], known: Any, where: str) -> None:
    for key in given:
        if key not in known:
            raise typer.BadParameter(f"{where}: no setting {key!r}; {choices(key, known)}.")
