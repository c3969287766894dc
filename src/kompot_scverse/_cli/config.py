"""The arguments of a call in a YAML file."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from kompot_scverse._data.errors import choices
from kompot_scverse.design import Design

from .values import as_taken, parts, settings_type
from .yaml_core import load

GIVEN_OTHERWISE = ("data", "overwrite", "path")
"""Arguments of the functions that a file cannot give."""


def read_config(path: Path, function: Callable) -> dict[str, Any]:
    """
    Arguments of `function` from a YAML file; settings are mappings of their fields.

    Raises
    ------
    typer.BadParameter
        If the file is no such mapping, or holds a key that the function or a settings class does not have, or a value of
        another type.
    """
    where = f"--config {path}"
    try:
        content = load(path.read_text(encoding="utf-8"))
        content = _mapping({} if content is None else content, where)
        parameters = {
            name: parameter.annotation
            for name, parameter in inspect.signature(function).parameters.items()
            if name not in GIVEN_OTHERWISE
        }
        _check_keys(content, parameters, where)
        return {name: _value(value, parameters[name], f"{where}: {name}") for name, value in content.items()}
    except (OSError, ValueError) as error:
        text = str(error)
        raise typer.BadParameter(text if text.startswith(where) else f"{where}: {text}") from error


def _value(value: Any, annotation: Any, where: str) -> Any:
    kind = settings_type(annotation)
    if isinstance(value, Mapping) and Design in parts(annotation):
        _check_keys(value, {field.name: field.type for field in fields(Design)}, where)
        try:
            return Design(**value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: {error}") from error
    if kind is None or value is None:
        return as_taken(value, annotation, where)
    types = {field.name: field.type for field in fields(kind)}
    given = _mapping(value, where)
    _check_keys(given, types, where)
    return {name: as_taken(one, types[name], f"{where}: {name}") for name, one in given.items()}


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must hold `name: value` lines, not {type(value).__name__}.")
    return value


def _check_keys(given: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    for key in given:
        if key not in known:
            raise ValueError(f"{where}: no setting {key!r}; {choices(key, known)}.")
