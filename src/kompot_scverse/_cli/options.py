"""Command line options made from the signature and the docstring of a function."""

import inspect
import re
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from .config import GIVEN_OTHERWISE, settings_type

__all__ = ["arguments_of", "options_of"]

REPEATED = " Repeat it for several."


def options_of(*functions: Callable) -> dict[str, inspect.Parameter]:
    """
    Options for the arguments of functions of this package, by name; settings classes are left to the configuration.

    Every option is None where it is not given, so that the defaults stay those of the functions.
    """
    options: dict[str, inspect.Parameter] = {}
    for function in functions:
        texts = _descriptions(function)
        for name, parameter in inspect.signature(function).parameters.items():
            if name in GIVEN_OTHERWISE or name in options or settings_type(parameter.annotation):
                continue
            kind, several = _kind(parameter.annotation)
            text = texts.get(name, "") + (REPEATED if several else "")
            if parameter.default not in (inspect.Parameter.empty, None):
                text += f" Default: {parameter.default}."
            option = typer.Option(f"--{name.replace('_', '-')}", help=text.strip(), show_default=False)
            options[name] = inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[(list[kind] if several else kind) | None, option],  # type: ignore[valid-type]
            )
    return options


def arguments_of(function: Callable, given: dict[str, Any]) -> dict[str, Any]:
    """What was given, as the function takes it: one value of a repeatable option as such where it may be one."""
    parameters = inspect.signature(function).parameters
    arguments: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or (isinstance(value, list) and not value):
            continue
        if name not in parameters:
            raise typer.BadParameter(f"--{name.replace('_', '-')} is no argument of kp.tl.{function.__name__}.")
        single = isinstance(value, list) and len(value) == 1 and _takes_one(parameters[name].annotation)
        arguments[name] = value[0] if single else value
    return arguments


def _parts(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)


def _takes_one(annotation: Any) -> bool:
    return any(part in (str, object) for part in _parts(annotation))


def _kind(annotation: Any) -> tuple[Any, bool]:
    """Type of an option, and whether it can be repeated."""
    parts = _parts(annotation)
    for part in parts:
        if get_origin(part) is Literal:
            return part, False
    several = any(get_origin(part) is Sequence and get_args(part)[0] in (str, object) for part in parts)
    for simple in (bool, int, float):
        if simple in parts:
            return simple, several
    return str, several


def _descriptions(function: Callable) -> dict[str, str]:
    """What the docstring says about each parameter."""
    section = re.search(r"\nParameters\n-+\n(.*?)\n\n[A-Z]\w+\n-+\n", inspect.getdoc(function) or "", re.DOTALL)
    texts: dict[str, str] = {}
    for names, text in re.findall(r"^(\S.*)\n((?:[ \t]+.*\n?|\n)*)", section.group(1) if section else "", re.MULTILINE):
        plain = re.sub(r":\w+:`~?([^`]*)`", r"\1", " ".join(text.split())).replace("`", "")
        # there is no None on a command line
        for python, here in {"None for": "leave it out for", "None takes": "left out, it takes"}.items():
            plain = plain.replace(python, here)
        texts |= dict.fromkeys(re.split(r",\s*", names.split(" : ")[0]), plain)
    return texts
