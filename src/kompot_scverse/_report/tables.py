"""Tables that a reader can sort, filter and take along."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._runs.markup import Html, joined, tag

FILTERED = 12
"""Rows from which on a table has a field that filters it."""
SHORT = 26
"""Letters of a text that stays on one line."""
MINUS = "\N{MINUS SIGN}"


def count(value: Any) -> str:
    """A whole number."""
    return f"{int(value):,}"


def rate(value: Any) -> str:
    """A p-value or rate: two digits."""
    return "<1e-300" if value < 1e-300 else f"{value:.2g}".replace("e-0", "e-")


def _signed(value: Any) -> str:
    return f"{value:+.2f}".replace("-", MINUS)


def _number(value: Any) -> str:
    return f"{value:.3g}".replace("-", MINUS) if abs(value) >= 1e-3 or value == 0 else rate(value)


def _share(value: Any) -> str:
    return f"{100 * value:.0f} %"


@dataclass(frozen=True)
class _Kind:
    """How a column is written."""

    write: Callable[[Any], str]
    number: bool = True
    largest_first: bool = True
    """At the first click."""


TEXT = _Kind(str, number=False, largest_first=False)
RATE = _Kind(rate, largest_first=False)
SIGNED = _Kind(_signed)
COUNT, SHARE, NUMBER = _Kind(count), _Kind(_share), _Kind(_number)


def _kind(name: str, values: pd.Series) -> _Kind:
    if "pvalue" in name or "qvalue" in name or name in ("local_fdr", "tail_fdr", "lfsr"):
        return RATE
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        return TEXT
    if "lfc" in name or "zscore" in name:
        return SIGNED
    if name.startswith(("share", "region_probability")):
        return SHARE
    return COUNT if pd.api.types.is_integer_dtype(values.dtype) else NUMBER


def data_table(
    table: pd.DataFrame,
    *,
    name: str,
    caption: Any,
    titles: Mapping[str, str],
    bar: str | None = None,
    weak: np.ndarray | None = None,
) -> Html:
    """
    A table whose columns sort.

    Parameters
    ----------
    table
        Rows as they stand at first; the index is the first column.
    name
        What links to it call it.
    caption
        What it shows, and what its columns are.
    titles
        What columns are called above them; those that are not in it are called by their name.
    bar
        Column of counts that also get a bar.
    weak
        Rows that are set back.
    """
    table = table.reset_index()
    kinds = [_kind(str(column), table[column]) for column in table]
    head = [
        tag(
            "th",
            tag("button", titles.get(str(column), str(column).replace("_", " ")), type="button"),
            scope="col",
            aria_sort="none",
            class_="number" if kind.number else None,
            data_first="descending" if kind.largest_first else "ascending",
        )
        for column, kind in zip(table, kinds, strict=True)
    ]
    most = float(table[bar].max()) if bar is not None and len(table) else 0.0
    columns = [
        [_cell(value, kind, most if column == bar else 0.0) for value in table[column].astype(object)]
        for column, kind in zip(table, kinds, strict=True)
    ]
    back = np.zeros(len(table), dtype=bool) if weak is None else weak
    rows = [
        tag("tr", _first(own[0]), *own[1:], class_="weak" if set_back else None)
        for *own, set_back in zip(*columns, back, strict=True)
    ]
    tools = [
        tag("label", "Filter ", tag("input", type="search", data_filter=name, autocomplete="off"))
        if len(table) >= FILTERED
        else "",
        tag("button", "CSV", type="button", data_csv=name, title="Save this table as a CSV file"),
    ]
    return tag(
        "div",
        tag("div", tag("p", caption, class_="caption", id=f"{name}-caption"), tag("div", *tools, class_="tools")),
        tag(
            "div",
            tag(
                "table",
                tag("thead", tag("tr", *head)),
                tag("tbody", *rows),
                id=name,
                class_="data",
                aria_describedby=f"{name}-caption",
            ),
            class_="wide",
            tabindex="0",
            role="region",
            aria_labelledby=f"{name}-caption",
        ),
        class_="table",
    )


def _cell(value: Any, kind: _Kind, most: float) -> Html:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return tag("td", data_v="", class_="number" if kind.number else None)
    written = kind.write(value)
    if not kind.number:
        return tag("td", written, class_="short" if len(written) <= SHORT else "long")
    if most > 0:
        written = joined(written, tag("span", class_="bar", style=f"width:{100 * float(value) / most:.1f}%"))
    return tag("td", written, data_v=repr(float(value)), class_="number")


def _first(cell: Html) -> Html:
    """The first cell of a row says what the row is about."""
    return Html(f'<th scope="row"{cell.removeprefix("<td").removesuffix("</td>")}</th>')


def facts(rows: Mapping[str, Any]) -> Html:
    """Names and what they are."""
    return tag(
        "div", tag("table", *(tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows.items()), class_="facts"), class_="wide"
    )  # fmt: skip
