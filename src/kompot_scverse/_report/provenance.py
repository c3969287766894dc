"""What was called, with what, and what has become of it."""

import re
from collections.abc import Sequence
from typing import Any

from kompot_scverse import RunInfo
from kompot_scverse._runs.html import display
from kompot_scverse._runs.markup import Html, joined, tag

from .run import KINDS, ReportedRun
from .tables import facts

PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:\\|~?/)[\w.~-][^\s\"'<>]*[/\\]?[^\s\"'<>]*")
"""Absolute paths; page and reader may be on another machine."""


def provenance(runs: Sequence[ReportedRun]) -> list[Html]:
    """A part that folds for every run."""
    return [_of_run(run) for run in runs]


def _of_run(run: ReportedRun) -> Html:
    info = RunInfo(run.data, **run.chosen)
    fields = info.fields
    status = ", ".join(f"{n} {name}" for name, n in fields["status"].value_counts().items())
    summary = f"Run {info.run_id}: {KINDS[info.analysis].lower()}, {run.view.title}"
    return tag(
        "details",
        tag("summary", f"{summary}{f' ({run.view.mod})' if run.view.mod else ''} · {info.time}"),
        tag("h4", "Call"),
        tag("pre", tag("code", without_paths(info.call()))),
        tag("h4", "Parameters"),
        facts({name: without_paths(display(value)) for name, value in info.params.items()}),
        tag("h4", f"Fields ({len(fields)}: {status})"),
        _fields(fields),
        tag("h4", "Packages"),
        tag("p", ", ".join(f"{name} {number}" for name, number in info.environment.items())),
    )


def _fields(fields: Any) -> Html:
    rows = [
        tag("tr", tag("td", tag("code", f"{row.slot}[{row.key!r}]")), tag("td", row.description), tag("td", row.status))
        for row in fields.itertuples()
    ]
    head = tag("tr", *(tag("th", name, scope="col") for name in ("field", "what", "status")))
    return tag("div", tag("table", tag("thead", head), tag("tbody", joined(*rows)), class_="plain"), class_="wide")


def without_paths(text: str) -> str:
    """The same, with the last part of paths only."""
    return PATH.sub(lambda found: "…/" + re.split(r"[/\\]", found[0].rstrip("/\\"))[-1], text)
