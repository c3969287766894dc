"""Command line options made from the signature of a function, its docstring, and those of its settings classes."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from .config import GIVEN_OTHERWISE
from .texts import texts_of
from .values import as_taken, parts, settings_type

REPEATED = " Repeat it for several."
OF_COMMANDS = ("input", "output", "table", "config", "threads", "tool")
"""Options that the commands have themselves."""


def options_of(*functions: Callable) -> dict[str, inspect.Parameter]:
    """
    Options for the arguments of functions of this package and for the fields of their settings, by name.

    Every option is None where it is not given, so that the defaults stay those of the functions.
    """
    options: dict[str, inspect.Parameter] = {}
    for function in functions:
        texts = texts_of(function)
        for name, parameter in _parameters(function).items():
            if name not in options and settings_type(parameter.annotation) is None:
                options[name] = _option(name, parameter.annotation, parameter.default, texts.get(name, ""))
    for function in functions:
        for name, (argument, kind, field) in _fields(function).items():
            if name not in options:
                # a command writes no layers unless it is told to
                default = None if field.default is MISSING or name == "layers" else field.default
                panel = f"{argument}: {(inspect.getdoc(kind) or '').partition('\n')[0].rstrip('.')}"
                options[name] = _option(name, field.type, default, texts_of(kind).get(field.name, ""), panel)
    return options


def arguments_of(function: Callable, given: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """
    What the function is called with: the configuration, and what the command line gives instead.

    Raises
    ------
    typer.BadParameter
        If an option belongs to another function, or a settings class refuses its fields.
    """
    parameters, of_settings = _parameters(function), _fields(function)
    arguments = dict(config)
    for name, value in given.items():
        if value is None or (isinstance(value, list) and not value):
            continue
        if name in of_settings:
            argument, _, field = of_settings[name]
            taken = as_taken(value, field.type, _flag(name))
            arguments[argument] = (arguments.get(argument) or {}) | {field.name: taken}
        elif name in parameters:
            single = isinstance(value, list) and len(value) == 1 and _takes_one(parameters[name].annotation)
            arguments[name] = value[0] if single else value
        else:
            raise typer.BadParameter(f"{_flag(name)} is no argument of kp.tl.{function.__name__}.")
    for name, parameter in parameters.items():
        kind = settings_type(parameter.annotation)
        if kind is not None and arguments.get(name) is not None:
            try:
                arguments[name] = kind(**arguments[name])
            except (TypeError, ValueError) as error:
                raise typer.BadParameter(f"{name}: {error}") from error
    return arguments


def _parameters(function: Callable) -> dict[str, inspect.Parameter]:
    found = inspect.signature(function).parameters
    return {name: parameter for name, parameter in found.items() if name not in GIVEN_OTHERWISE}


def _fields(function: Callable) -> dict[str, tuple[str, type, Any]]:
    """Options for the fields of settings: argument, class and field; a name that is taken gets the argument in front."""
    parameters = _parameters(function)
    found: dict[str, tuple[str, type, Any]] = {}
    for argument, kind, field in _all_fields(parameters):
        taken = field.name in found or field.name in parameters or field.name in OF_COMMANDS
        found[f"{argument}_{field.name}" if taken else field.name] = (argument, kind, field)
    return found


def _all_fields(parameters: dict[str, inspect.Parameter]) -> Iterator[tuple[str, type, Any]]:
    for argument, parameter in parameters.items():
        kind = settings_type(parameter.annotation)
        for field in fields(kind) if kind is not None else ():
            if _kind(field.type) is not None:
                yield argument, kind, field  # type: ignore[misc]


def _option(name: str, annotation: Any, default: Any, text: str, panel: str | None = None) -> inspect.Parameter:
    kind, several = _kind(annotation) or (str, False)
    text += REPEATED if several else ""
    if default is not inspect.Parameter.empty and default is not None and kind is not bool:
        text += f" Default: {default}."
    flag = f"{_flag(name)}/{_flag(f'no_{name}')}" if kind is bool else _flag(name)
    words = _words(annotation) if kind is float else ()
    # a function, not a partial: older versions of typer ask for its name
    number: dict[str, Any] = {"parser": _number(words), "metavar": f"<float|{'|'.join(words)}>"} if words else {}
    option = typer.Option(flag, help=text.strip(), show_default=False, rich_help_panel=panel, **number)
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[(list[kind] if several else kind) | None, option],  # type: ignore[valid-type]
    )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _takes_one(annotation: Any) -> bool:
    return any(part in (str, object) for part in parts(annotation))


def _number(words: tuple[str, ...]) -> Callable[[str], float | str]:
    """Reads a number, or one of the words that stand in its place."""

    def number(text: str) -> float | str:
        if text in words:
            return text
        try:
            return float(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is neither a number nor {' or '.join(map(repr, words))}.") from None

    return number


def _words(annotation: Any) -> tuple[str, ...]:
    literals = (get_args(part) for part in parts(annotation) if get_origin(part) is Literal)
    return tuple(text for texts in literals for text in texts if text is not None)


def _kind(annotation: Any) -> tuple[Any, bool] | None:
    """Type of an option, and whether it can be repeated; None for what has no place on a command line."""
    found = parts(annotation)
    if float not in found and (words := _words(annotation)):
        return Literal[words], False
    several = any(get_origin(part) is Sequence and get_args(part)[0] in (str, object) for part in found)
    for simple in (bool, int, float, str, object):
        if simple in found:
            return (str if simple is object else simple), several
    return (str, False) if Path in found else None
