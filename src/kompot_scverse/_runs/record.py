"""Runs as they are kept in uns: read back whole, or told apart from what is no record of ours."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from .run import Run

UNS_KEY = "kompot"
SCHEMA_VERSION = 1
SLOTS = ("obs", "var", "obsm", "varm", "layers", "uns")
CONTRAST = {"de": ("groupby", "reference", "group"), "da": ("groupby", "reference", "group")}
"""What the contrast of a run has to name, by its analysis."""
COUNTS = ("n_genes", "n_de", "n_up", "n_down")
"""Numbers of the summary; of several modalities one for each."""


def read_records(stored: Any) -> tuple[dict[str, Run], str]:
    """
    The runs in uns that can be read, by their number as text, and what is wrong with the rest (empty: nothing).

    Parameters
    ----------
    stored
        What is in uns; None for nothing.
    """
    if stored is None:
        return {}, ""
    if not isinstance(stored, Mapping):
        return {}, f"it is of type {type(stored).__name__}"
    for key in ("schema_version", "runs"):
        if key not in stored:
            return {}, f"it has no entry {key!r}"
    try:
        version = int(stored["schema_version"])
    except (TypeError, ValueError):
        return {}, f"its schema version is {stored['schema_version']!r}"
    if version > SCHEMA_VERSION:
        return (
            {},
            f"a newer version of kompot-scverse wrote it (schema {version}, known is {SCHEMA_VERSION}); update the package",
        )
    if not isinstance(stored["runs"], Mapping):
        return {}, f"its runs are of type {type(stored['runs']).__name__}"
    found, damage = {}, ""
    for number in stored["runs"]:
        try:
            found[str(number)] = _read(number, stored["runs"][number])
        except ValueError as error:
            damage = damage or f"run {number!r} {error}"
    return dict(sorted(found.items(), key=lambda item: int(item[0]))), damage


def _read(number: object, text: object) -> Run:
    if not str(number).isdecimal():
        raise ValueError("has no number")
    try:
        record = json.loads(str(text))
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("is not valid JSON") from None
    if not isinstance(record, dict):
        raise ValueError(f"is {type(record).__name__} and not a record")
    # what a later version adds without a change of the schema is nothing that this one needs
    values = {field.name: record[field.name] for field in fields(Run) if field.name in record}
    for field in fields(Run):
        if field.name not in values:
            if field.default is MISSING and field.default_factory is MISSING:
                raise ValueError(f"has no {field.name!r}")
        elif not isinstance(values[field.name], _type_of(field.type)) or isinstance(values[field.name], bool):
            raise ValueError(f"has {values[field.name]!r:.40} as its {field.name!r}")
    run = Run(**values)
    if run.run_id != int(str(number)):
        raise ValueError(f"says that it is run {run.run_id}")
    _check_entries(run)
    return run


def _type_of(annotation: Any) -> type:
    """The plain type of an attribute of a run."""
    return getattr(annotation, "__origin__", annotation)


def _check_entries(run: Run) -> None:
    """Raise where a part that everything relies on is not what it has to be."""
    needed = CONTRAST.get(run.analysis, ())
    if "effect" in run.contrast:
        needed = ("groupby", "group", "effect")
    for name in needed:
        if not isinstance(run.contrast.get(name), str):
            raise ValueError(f"has no {name!r} in its contrast")
    for entry in run.fields:
        if not isinstance(entry, dict) or not all(
            isinstance(entry.get(name, ""), str) for name in ("mod", "slot", "key", "statistic", "description")
        ):
            raise ValueError("lists a field that is none")
        if not {"slot", "key", "statistic", "description"} <= entry.keys() or entry["slot"] not in SLOTS:
            raise ValueError(f"lists a field without a place ({entry!r:.60})")
    if not all(isinstance(one, dict) and isinstance(one.get("text"), str) for one in run.warnings):
        raise ValueError("lists a warning without a text")
    numbers = {name: run.summary[name] for name in COUNTS if name in run.summary}
    conditions = run.cells.get("conditions", {})
    if not isinstance(conditions, dict):
        raise ValueError("has no numbers of cells")
    numbers |= {f"cells of {name}": number for name, number in conditions.items()}
    for name, number in numbers.items():
        if not isinstance(number, int | float | dict | None):
            raise ValueError(f"has {number!r:.40} as its {name!r}")
