"""Values from a file or the command line as the arguments that they are for take them."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np

NAMES: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
    object: "a text or a number",
    NoneType: "null",
}


def parts(annotation: Any) -> tuple[Any, ...]:
    """The types that an annotation allows."""
    return (
        get_args(annotation) if isinstance(annotation, UnionType) or get_origin(annotation) is Union else (annotation,)
    )


def settings_type(annotation: Any) -> type | None:
    """The settings class of an argument, if it takes nothing else."""
    found = [one for one in parts(annotation) if one is not NoneType]
    return found[0] if len(found) == 1 and isinstance(found[0], type) and dataclasses.is_dataclass(found[0]) else None


def as_taken(value: Any, annotation: Any, where: str) -> Any:
    """
    `value` as an argument with this annotation takes it: whole numbers as such, paths without `~`.

    Raises
    ------
    ValueError
        If it is of another type.
    """
    allowed = parts(annotation)
    if isinstance(value, float) and value.is_integer() and int in allowed and float not in allowed:
        return int(value)  # 1e3
    if not any(_fits(value, one) for one in allowed):
        known = [text for text in map(_name, allowed) if text]
        raise ValueError(f"{where} must be {', or '.join(dict.fromkeys(known))}, not {value!r}.")
    return str(Path(value).expanduser()) if Path in allowed and isinstance(value, str) else value


def _fits(value: Any, one: Any) -> bool:
    origin = get_origin(one)
    if origin is Literal:
        return not isinstance(value, list | dict) and value in get_args(one)
    if origin is Sequence:
        return isinstance(value, list) and all(_fits(part, get_args(one)[0]) for part in value)
    if origin is Mapping:
        return isinstance(value, dict)
    if one is np.ndarray:
        return isinstance(value, list) and all(isinstance(part, bool | int | float) for part in value)
    if isinstance(value, bool):
        return one in (bool, object)
    if one is float:
        return isinstance(value, int | float)
    if one is object:
        return isinstance(value, str | int | float)
    if one in (Path, str):
        return isinstance(value, str)
    return isinstance(value, one) if one in (int, NoneType) else False


def _name(one: Any) -> str:
    origin = get_origin(one)
    if origin is Literal:
        return " or ".join(map(repr, get_args(one)))
    if origin is Sequence or one is np.ndarray:
        return "a list"
    return "a mapping" if origin is Mapping else NAMES.get(one, "")
