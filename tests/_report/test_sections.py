"""Headings and the list of contents."""

from pages import read_page

from kompot_scverse._report.sections import Section, contents
from kompot_scverse._runs.markup import Html, tag


def test_headings_are_nested_and_linked() -> None:
    section = Section("Run", "run-0", [tag("p", "text")])
    section.add("Genes", "genes", tag("p", "genes"))
    section.add("Nothing to say", "none", "", Html(), [])
    page = read_page(f"<main>{contents([section])}{section.html()}</main>")
    assert page.values("section", "id") == ["run-0", "run-0-genes"]
    assert page.values("a", "href") == ["#run-0", "#run-0-genes"]
    assert page.texts["h3"] == ["Genes"]
