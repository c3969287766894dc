"""Arguments and settings, checked against the annotations of what takes them before anything else happens."""

import dataclasses
import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np

SHOWN = 60
"""Characters of a value that an error repeats."""


def check_arguments(function: Callable, given: Mapping[str, Any]) -> None:
    """
    Raise for arguments that are not of the annotated types; to be called first, with `locals()`.

    Parameters
    ----------
    function
        What was called.
    given
        Its arguments by name; other names are ignored.
    """
    for name, annotation in _annotations(function).items():
        if name in given and name != "data":  # has a sentence of its own
            check_argument(name, given[name], annotation)


@cache
def _annotations(function: Callable) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.annotation for one in parameters if one.kind is not one.VAR_KEYWORD}


def check_argument(name: str, value: Any, annotation: Any) -> None:
    """Raise unless `value` is of one of the annotated types; those that cannot be looked into take anything."""
    parts = _parts(annotation)
    texts = [text for part in parts for text in _texts(part)]
    if not all(texts) or any(_fits(value, part) for part in parts):
        if name == "rng" and isinstance(value, Integral) and value < 0:
            raise ValueError(f"`{name}` must be 0 or a positive whole number where it is a seed, not {value}.")
        return
    literals = [get_args(part) for part in parts if get_origin(part) is Literal]
    kind = ValueError if any(isinstance(value, type(one)) for own in literals for one in own) else TypeError
    raise kind(
        f"`{name}` must be {'one of ' if literals and len(texts) > 2 else ''}{_joined(texts)}, not {shown(value)}.{_once(value)}"
    )


def check_fields(settings: Any) -> None:
    """Raise for values of a settings object that are not of the annotated types; numbers become Python's own."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, float) and value.is_integer() and int in _parts(field.type):
            value = int(value)  # as 1e3 is read from a file
        check_argument(field.name, value, field.type)
        object.__setattr__(settings, field.name, value)


def check_fraction(name: str, value: float | None) -> None:
    """Raise unless a limit is above 0 and at most 1; None is no limit."""
    if value is not None and not 0 < value <= 1:
        raise ValueError(f"`{name}` must be above 0 and at most 1, not {value!r}.")


def check_at_least(least: int, **given: int | None) -> None:
    """Raise unless numbers, given by name, are at least so large; None is for the function to choose."""
    for name, value in given.items():
        if value is not None and value < least:
            raise ValueError(f"`{name}` must be at least {least}, not {value}.")


def check_not_negative(name: str, value: float | None) -> None:
    """Raise unless a limit is finite and at least 0; None is no limit."""
    if value is not None and not 0 <= value < math.inf:
        raise ValueError(f"`{name}` must be 0 or positive, not {value!r}.")


def listed(name: str, value: Any, of: type | None = None) -> list[Any]:
    """
    One value or several as a list.

    Parameters
    ----------
    name
        Of the argument.
    value
        What was given. Mappings, tables and what can be read only once are no list.
    of
        Type of the values, str or int; None for any.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0 and not isinstance(value, np.ma.MaskedArray):
        value = value.item()
    if isinstance(value, str | bytes) or not isinstance(value, Collection | Iterator):
        values = [value]
    elif _is_listed(value):
        # the order of a set is no order
        values = sorted(value, key=str) if isinstance(value, Set) else list(value)
    else:
        raise TypeError(f"`{name}` must be one value or a list, not {shown(value)}.{_once(value)}")
    for one in values if of is not None else ():
        if not _fits(one, of):
            raise TypeError(f"`{name}` must hold {_texts(of)[0]}, not {shown(one)}.")
    return values


def seed_of(rng: Any) -> int | str:
    """What a run records of `rng`."""
    return int(rng) if isinstance(rng, Integral) else "generator"


def shown(value: Any) -> str:
    """A value as an error names it: itself where it is short, else what it is."""
    if value is None or isinstance(value, bool | np.bool_ | Real | str):
        text = repr(value.item() if isinstance(value, np.generic) else value)
        return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    name = value.__name__ if isinstance(value, type) else type(value).__name__
    if isinstance(value, np.ndarray):
        return "a masked array" if isinstance(value, np.ma.MaskedArray) else f"an array of shape {value.shape}"
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"the class {name}" if isinstance(value, type) else f"{article} {name}"


def _parts(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (UnionType, Union) else (annotation,)


def _once(value: Any) -> str:
    return " It can be read only once; pass a list." if isinstance(value, Iterator) else ""


def _is_listed(value: Any) -> bool:
    if isinstance(value, str | bytes | Mapping | np.ma.MaskedArray) or not isinstance(value, Collection):
        return False
    return getattr(value, "ndim", 1) == 1


def _fits(value: Any, part: Any) -> bool:
    """Whether a value is of one annotated type."""
    origin = get_origin(part) or part
    is_bool = isinstance(value, bool | np.bool_)
    if origin is Literal:
        return any(isinstance(value, type(one)) and value == one for one in get_args(part))
    if origin is bool:
        return is_bool
    if origin is int:
        return isinstance(value, Integral) and not is_bool
    if origin is float:
        return isinstance(value, Real) and not is_bool and not math.isnan(value)
    if origin in (Sequence, np.ndarray):
        return _is_listed(value)
    if origin is tuple:
        return isinstance(value, tuple | list)
    return isinstance(value, NoneType if part is None else origin)


def _texts(part: Any) -> list[str]:
    """An annotated type in words; empty for those that take anything."""
    origin = get_origin(part) or part
    if origin is Literal:
        return [repr(one) for one in get_args(part)]
    if part in (None, NoneType):
        return ["None"]
    names = {bool: "True or False", int: "a whole number", float: "a number", str: "text", Sequence: "a list"}
    names |= {np.ndarray: "an array", tuple: "a tuple", Mapping: "a dict", np.random.Generator: "a random generator"}
    if origin in names:
        return [names[origin]]
    return [origin.__name__ if isinstance(origin, type) and origin not in (object, type, Any) else ""]


def _joined(texts: list[str]) -> str:
    texts = list(dict.fromkeys(texts))
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"
