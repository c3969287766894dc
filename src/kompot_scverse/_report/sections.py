"""Headings of the page and what stands below them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kompot_scverse._runs.markup import Html, joined, tag


@dataclass
class Section:
    """A heading with what stands below it."""

    title: str
    name: str
    """What links to it call it."""
    content: list[Any] = field(default_factory=list)
    parts: "list[Section]" = field(default_factory=list)

    def add(self, title: str, name: str, *content: Any) -> None:
        """A heading below this one, unless there is nothing to say."""
        shown = [one for one in content if one]
        if shown:
            self.parts.append(Section(title, f"{self.name}-{name}", shown))

    def html(self, level: int = 2) -> Html:
        """As HTML."""
        return tag(
            "section",
            tag(f"h{level}", self.title),
            *self.content,
            *(part.html(level + 1) for part in self.parts),
            id=self.name,
        )


def contents(sections: Iterable[Section]) -> Html:
    """The list of contents."""

    def entries(of: Iterable[Section]) -> Iterator[Html]:
        for section in of:
            below = tag("ol", *entries(section.parts)) if section.parts else Html()
            yield tag("li", tag("a", section.title, href=f"#{section.name}"), below)

    return tag("nav", tag("h2", "Contents"), tag("ol", joined(*entries(sections))), aria_label="Contents")
