"""Tables of runs as text and as HTML that reads well on light and on dark ground."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CELL = "text-align:left;vertical-align:top;color:inherit;background:none;padding:2px 10px 2px 0;border:none"
TABLE = "border-collapse:collapse;color:inherit;background:none;width:auto;margin:2px 0 6px;font-size:inherit"
HEAD = f"{CELL};border-bottom:1px solid rgba(128,128,128,.5);font-weight:600"
NOTICE = "background:rgba(217,119,6,.22);border-radius:3px;padding:0 4px"


def display(value: Any) -> str:
    """A parameter as a person would write it."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {display(one)}" for key, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(display(one) for one in value) or "none"
    return str(value)


def shortened(text: str, width: int) -> str:
    """Text cut to a width."""
    return text if len(text) <= width else text[: width - 1] + "…"


def text_table(rows: Iterable[Sequence[str]], width: int = 100) -> list[str]:
    """Rows with aligned columns; the last is cut so that a line stays readable."""
    rows = [[shortened(str(cell), width) for cell in row] for row in rows]
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def html_table(rows: Iterable[Sequence[str]], header: Sequence[str] = (), notice: Sequence[str] = ()) -> str:
    """Rows as a table; cells that start with one of `notice` are set off."""

    def cell(text: str) -> str:
        marked = html.escape(str(text))
        if notice and str(text).startswith(tuple(notice)):
            marked = f"<span style='{NOTICE}'>{marked}</span>"
        return f"<td style='{CELL}'>{marked}</td>"

    head = "".join(f"<th style='{HEAD}'>{html.escape(name)}</th>" for name in header)
    body = "".join(f"<tr style='background:none'>{''.join(cell(one) for one in row)}</tr>" for row in rows)
    # colours are inherited, so that the table follows the theme of the notebook or page; a wide one scrolls within it
    table = f"<table style='{TABLE}'>{f'<tr>{head}</tr>' if head else ''}{body}</table>"
    return f"<div style='overflow-x:auto'>{table}</div>"


def text_list(texts: Iterable[str]) -> str:
    """Sentences below each other."""
    items = "".join(f"<li>{html.escape(text)}</li>" for text in texts)
    return f"<ul style='margin:2px 0 6px;padding-left:20px'>{items}</ul>"


def details(title: str, content: str, *, opened: bool = False) -> str:
    """A part that folds."""
    return f"<details{' open' if opened else ''}><summary style='cursor:pointer'>{html.escape(title)}</summary>{content}</details>"


def page(title: str, subtitle: str, content: Iterable[str]) -> str:
    """All of it."""
    return (
        f"<div style='color:inherit;line-height:1.4'><b>{html.escape(title)}</b>"
        f"<div style='opacity:.75'>{html.escape(subtitle)}</div>{''.join(content)}</div>"
    )


def code(text: str) -> str:
    """Python code."""
    return f"<pre style='color:inherit;background:rgba(128,128,128,.12);padding:6px;border-radius:4px'>{html.escape(text)}</pre>"
