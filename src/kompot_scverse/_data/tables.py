"""Columns and tables as pandas has them, also where the data are read lazily."""

from typing import Any

import pandas as pd


def column_of(table: Any, key: str, name: str = "obs") -> pd.Series:
    """A column of obs or var; `name` is what to call the table where the key is there twice."""
    if isinstance(table, pd.DataFrame) and (number := int((table.columns == key).sum())) > 1:
        raise ValueError(f"{name} has {number} columns named {key!r}; rename or drop all but one.")
    values = table[key]
    # of a lazily read table a single column has lost its categories
    return values if isinstance(values, pd.Series) else table[[key]].to_memory()[key]


def value_of(data: Any, slot: str, key: str) -> Any:
    """An entry of a slot; arrays as they are, also on disk or lazy."""
    entries = getattr(data, slot)
    if slot in ("obs", "var"):
        return column_of(entries, key, slot)
    values = entries[key]
    return values.to_memory() if hasattr(values, "to_memory") and hasattr(values, "columns") else values
