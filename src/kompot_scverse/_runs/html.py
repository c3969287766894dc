"""Tables of runs as text and as HTML that reads well on light and on dark ground."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .markup import Html, tag

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


def html_table(rows: Iterable[Sequence[str]], header: Sequence[str] = (), notice: Sequence[str] = ()) -> Html:
    """Rows as a table; cells that start with one of `notice` are set off."""

    def cell(text: str) -> Html:
        noticed = notice and str(text).startswith(tuple(notice))
        return tag("td", tag("span", text, style=NOTICE) if noticed else text, style=CELL)

    head = [tag("tr", *(tag("th", name, style=HEAD) for name in header))] if header else []
    body = [tag("tr", *map(cell, row), style="background:none") for row in rows]
    # colours are inherited, so that the table follows the theme of the notebook or page; a wide one scrolls within it
    return tag("div", tag("table", *head, *body, style=TABLE), style="overflow-x:auto")


def text_list(texts: Iterable[str]) -> Html:
    """Sentences below each other."""
    return tag("ul", *(tag("li", text) for text in texts), style="margin:2px 0 6px;padding-left:20px")


def details(title: str, content: Html, *, opened: bool = False) -> Html:
    """A part that folds."""
    return tag("details", tag("summary", title, style="cursor:pointer"), content, open=opened)


def page(title: str, subtitle: str, content: Iterable[Html]) -> Html:
    """All of it."""
    head = tag("b", title), tag("div", subtitle, style="opacity:.75")
    return tag("div", *head, *content, style="color:inherit;line-height:1.4")


def code(text: str) -> Html:
    """Python code."""
    return tag("pre", text, style="color:inherit;background:rgba(128,128,128,.12);padding:6px;border-radius:4px")
