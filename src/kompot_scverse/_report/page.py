"""The page as a whole."""

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import kompot_scverse
from kompot_scverse._runs.markup import Html, joined, tag

from .abundance import abundance, cells_called
from .checks import checks
from .design import design
from .expression import expression, genes_called
from .figures import drawing, part
from .provenance import provenance, without_paths
from .run import KINDS, ReportedRun
from .sections import Section, contents
from .tables import count

SECTIONS = {"da": abundance, "de": expression}
SENTENCES = {"da": cells_called, "de": genes_called}
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The page asks for nothing, and a browser sees to it."""


def page(data: Any, runs: Sequence[ReportedRun], title: str) -> str:
    """
    All of the page.

    Parameters
    ----------
    data
        What the runs are of.
    runs
        The runs, oldest first.
    title
        Heading of the page.
    """
    with drawing():
        sections = [
            Section("Overview", "overview", [_overview(runs)]),
            Section("Design and samples", "design", list(design(runs))),
            *([warned] if (warned := _checks(runs)).content or warned.parts else []),
            *(
                SECTIONS[run.view.run.analysis](run)
                for run in runs
                if run.view.run.analysis in SECTIONS and not run.status
            ),
            Section("Provenance", "provenance", provenance(runs)),
        ]
    n_vars = f"{count(data.n_obs)} cells × {count(data.n_vars)} {'features' if hasattr(data, 'mod') else 'genes'}"
    own = f"{type(data).__name__}, {n_vars} · kompot-scverse {kompot_scverse.__version__}"
    # as they are in the file: there is nothing in them that could end their element
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", title),
        tag("style", _file("page.css")),
    )
    main = tag("main", *(section.html() for section in sections))
    body = tag(
        "body",
        tag("a", "Skip to the results", href="#overview", class_="skip"),
        tag("header", tag("h1", title), tag("p", own)),
        tag("div", contents(sections), main, class_="columns"),
        tag("script", _file("page.js")),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _file(name: str) -> Html:
    return Html(files("kompot_scverse._report").joinpath(name).read_text(encoding="utf-8"))


def _overview(runs: Sequence[ReportedRun]) -> Html:
    """A line for each run."""
    cards = []
    for run in runs:
        own = run.view.run
        sentence = part(SENTENCES[own.analysis], run) if own.analysis in SENTENCES else ""
        if run.status and own.analysis in SENTENCES:
            sentence = f"Not shown: {run.status}."
        samples = own.cells.get("samples", {})
        between = f", {sum(map(len, samples.values()))} samples" if samples else ""
        linked = own.analysis in SECTIONS and not run.status
        cards.append(
            tag(
                "li",
                tag("p", f"Run {own.run_id} · {KINDS[own.analysis]}{f' · {run.view.mod}' if run.view.mod else ''}", class_="kind"),
                tag("p", tag("a", run.view.title, href=f"#{run.name}") if linked else run.view.title, class_="what"),
                tag("p", sentence),
                tag("p", f"{count(sum(own.cells.get('conditions', {}).values()))} cells{between}", class_="kind"),
            )
        )  # fmt: skip
    return tag("ul", *cards, class_="cards")


def _checks(runs: Sequence[ReportedRun]) -> Section:
    """What to know before believing: once, where several runs share it."""
    shown = [run for run in runs if not run.status]
    found = _said((run, sentence) for run in shown for sentence in checks(run))
    section = Section("Before you believe it", "warnings", [found] if found else [])
    recorded = ((run, without_paths(one["text"])) for run in shown for one in run.view.run.warnings)
    section.add("Warnings of the calls", "recorded", _said(recorded))
    return section


def _said(sentences: Iterable[tuple[ReportedRun, str]]) -> Html:
    """A list of sentences, each with the runs that it is about; nothing where there are none."""
    said: dict[str, list[int]] = {}
    for run, sentence in sentences:
        said.setdefault(sentence, []).append(run.view.run.run_id)
    items = [
        tag("li", sentence, tag("small", f" Run{'s' if len(of) > 1 else ''} {', '.join(map(str, dict.fromkeys(of)))}."))
        for sentence, of in said.items()
    ]
    return tag("ul", joined(*items), class_="warnings") if items else Html()
