"""The call that made a run: recorded as plain values, and given back as Python."""

import dataclasses
import inspect
import json
import keyword
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse.design import Design
from kompot_scverse.settings import GPSettings, StorageSettings, TestSettings

NOT_REPEATED = ("data", "overwrite")
"""Arguments that say nothing about the result."""
TOOLS = ("da", "de", "smooth", "threshold_da", "programs", "influence", "regions", "gene_sets")
"""Functions of `kp.tl` whose calls are recorded."""
SETTINGS = {kind.__name__: kind for kind in (Design, GPSettings, StorageSettings, TestSettings)}
"""Classes that arguments of a call may have."""
MAX_LENGTH = 1000
"""Characters of an argument that is stored with the run."""


def record_call(function: Callable, given: Mapping[str, Any]) -> dict[str, Any]:
    """
    The arguments of a call that differ from their defaults, as JSON-able values.

    Parameters
    ----------
    function
        What was called, a function of `kp.tl`.
    given
        Its arguments by name; other names are ignored.
    """
    arguments = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name in NOT_REPEATED or name not in given:
            continue
        value = given[name]
        if value is parameter.default or (_is_plain(value) and value == parameter.default):
            continue
        arguments[name] = _encode(value)
    data = {} if isinstance(given.get("data"), AnnData) or "data" not in given else {"data": "mdata"}
    return {"function": function.__name__, "arguments": arguments} | data


def call_text(call: Mapping[str, Any], data: str | None = None) -> str:
    """
    The call as Python, one argument a line, with `kp` for this package; and what was called on its result.

    Arguments that were not stored appear as variables of their own name, with a comment that says what they were.
    """
    if not call:
        return "# this run did not record its call"
    try:
        if call.get("data", "mdata") != "mdata":
            raise ValueError(call["data"])
        if data is None:
            data = call.get("data", "adata")
        calls = [call, call.get("then"), *dict(call.get("added") or {}).values()]
        return "\n".join(_call_text(one, data) for one in calls if one)
    except (KeyError, TypeError, ValueError, AttributeError):
        return "# what this run recorded as its call is none of this package"


def restore_arguments(call: Mapping[str, Any]) -> dict[str, Any]:
    """
    The arguments of a recorded call as values; settings as objects.

    Raises
    ------
    LookupError
        If the call was not recorded, or one of its arguments was not stored with it.
    """
    if not call:
        raise LookupError("This run did not record its call.")
    return {name: _restore(value, name) for name, value in dict(call["arguments"]).items()}


def _restore(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_restore(one, name) for one in value]
    if not isinstance(value, dict):
        return value
    if "not_stored" in value:
        if value.get("left_out"):
            return None
        raise LookupError(f"`{name}` of this run was {value['not_stored']}, which is not stored with it.")
    if "mapping" in value:
        return {key: _restore(one, name) for key, one in value["mapping"].items()}
    arguments = {key: _restore(one, key) for key, one in value["arguments"].items()}
    return SETTINGS[value["settings"]](**arguments)


def _call_text(call: Mapping[str, Any], data: str) -> str:
    """One of the calls that a run consists of."""
    if call["function"] not in TOOLS:
        raise ValueError(call["function"])
    lines = [f"kp.tl.{call['function']}(", f"    {data},"]
    for name, value in dict(call["arguments"]).items():
        text, comments = _decode(value, _identifier(name))
        if text is not None:
            prefix = "" if name == "groupby" else f"{name}="
            lines.append(f"    {prefix}{text},{f'  # {"; ".join(map(_one_line, comments))}' if comments else ''}")
    return "\n".join([*lines, ")"])


def _identifier(name: object) -> str:
    """`name` if it can be that of an argument: a file can hold anything."""
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(name)
    return name


def _one_line(text: str) -> str:
    """A comment ends where the line does."""
    return " ".join(str(text).split())


def _quoted(text: str) -> str:
    """As `repr` of a text, always in double quotes."""
    marks = {'"': '\\"', "'": "'"}
    return '"' + "".join(marks.get(one) or repr(one)[1:-1] for one in text) + '"'


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _encode(value: Any) -> Any:
    encoded = _encode_any(value)
    if len(json.dumps(encoded)) > MAX_LENGTH:
        return {"not_stored": _describe(value)}
    return encoded


def _encode_any(value: Any) -> Any:
    single = isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0)
    if single and not isinstance(value, np.datetime64 | np.timedelta64):
        value = value.item()
    if _is_plain(value):
        return value
    # a mask goes with its index
    masks = isinstance(value, pd.Series) and pd.api.types.is_bool_dtype(value.dtype)
    if masks or (isinstance(value, np.ndarray) and value.ndim != 1):
        return {"not_stored": _describe(value)}
    if isinstance(value, Set):
        return sorted((_encode_any(one) for one in value), key=str)
    if isinstance(value, list | tuple | np.ndarray | pd.Series | pd.Index | pd.Categorical | range):
        return [_encode_any(one) for one in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"mapping": {key: _encode_any(one) for key, one in value.items()}}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"settings": type(value).__name__, "arguments": _settings(value)}
    if isinstance(value, Path):
        return {"not_stored": "a path"}
    if isinstance(value, type) and value.__module__.split(".")[0] == "mellon":
        return value.__name__
    if isinstance(value, pd.Timestamp | pd.Timedelta | pd.Interval | pd.Period | np.datetime64 | np.timedelta64):
        return str(value)
    return {"not_stored": _describe(value)}


def _settings(value: Any) -> dict[str, Any]:
    """Arguments of a settings object that differ from their defaults."""
    arguments = {}
    for field in dataclasses.fields(value):
        given = getattr(value, field.name)
        if given is field.default or (_is_plain(given) and given == field.default):
            continue
        # nothing that could name a user or a machine
        private = field.name == "directory"
        arguments[field.name] = {"not_stored": "a path", "left_out": True} if private else _encode(given)
    return arguments


def _describe(value: Any) -> str:
    if isinstance(value, np.random.Generator):
        return "a random generator, in the state that it was in"
    if isinstance(value, np.ndarray | pd.Series | pd.Index | list | tuple):
        array = np.asarray(value)
        if array.dtype == bool:
            return f"a boolean mask, True for {int(array.sum()):,} of {array.size:,}"
        return f"{array.size:,} values, too many to store"
    return f"{'a' if type(value).__name__[:1].lower() not in 'aeiou' else 'an'} {type(value).__name__}"


def _decode(value: Any, name: str) -> tuple[str | None, list[str]]:
    """Python text of a stored value, and what to say about it."""
    if isinstance(value, dict) and "not_stored" in value:
        if value.get("left_out"):
            return None, [f"`{name}` is not recorded"]
        return name, [f"`{name}` was {value['not_stored']}; not stored with the run"]
    if isinstance(value, dict) and "mapping" in value:
        decoded = {key: _decode(one, name) for key, one in value["mapping"].items()}
        inner = ", ".join(f"{str(key)!r}: {one}" for key, (one, _) in decoded.items())
        return f"{{{inner}}}", [note for _, notes in decoded.values() for note in notes]
    if isinstance(value, dict):
        parts, comments = [], []
        # also that of a class which an earlier version had: the call is shown as it was made
        if not _identifier(value["settings"]).endswith(("Settings", "Design")):
            raise ValueError(value["settings"])
        for key, one in value["arguments"].items():
            text, more = _decode(one, _identifier(key))
            comments += more
            if text is not None:
                parts.append(f"{key}={text}")
        return f"kp.{value['settings']}({', '.join(parts)})", comments
    if isinstance(value, list):
        items = [_decode(one, name) for one in value]
        return f"[{', '.join(str(text) for text, _ in items)}]", [note for _, notes in items for note in notes]
    if isinstance(value, float) and not np.isfinite(value):
        return f"float({str(value)!r})", []
    return _quoted(value) if isinstance(value, str) else repr(value), []
