"""Pages of HTML as tests read them."""

import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

__all__ = ["DESIGN", "EVIL", "Page", "dumped", "read_page"]

EVIL = "<script>document.title='caught'</script>"
"""Name of a gene."""
DESIGN = {"reference": "Young", "groups": "Old", "sample_key": "Replicate"}
EMPTY = ("input", "img", "meta", "br")


@dataclass
class Page(HTMLParser):
    """What a page holds."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    """All elements in their order, with their attributes."""
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    """Cells of the tables with a name, as text, by row."""
    texts: dict[str, list[str]] = field(default_factory=dict)
    """Texts by the element that holds them."""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self._table: list[list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.tags.append((tag, own))
        if tag not in EMPTY:
            self._open.append(tag)
        if tag == "table":
            self._table = self.tables.setdefault(own["id"] or "", []) if "id" in own else None
        elif tag == "tr" and self._table is not None:
            self._table.append([])
        elif tag in ("td", "th") and self._table is not None:
            self._table[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes what it did not open"
        if tag == "table":
            self._table = None

    def handle_data(self, data: str) -> None:
        if not self._open:
            return
        self.texts.setdefault(self._open[-1], []).append(data)
        if self._table and self._table[-1]:
            self._table[-1][-1] += data

    def values(self, name: str, attribute: str) -> list[str]:
        """An attribute of all elements of a kind that have it."""
        return [str(own[attribute]) for tag, own in self.tags if tag == name and attribute in own]

    def column(self, table: str, number: int) -> list[str]:
        """A column of a table, without its head."""
        return [row[number] for row in self.tables[table][1:]]


def read_page(text: str) -> Page:
    """A page, whose elements are all closed."""
    page = Page()
    page.feed(text)
    page.close()
    assert page._open == []
    return page


def dumped(chromium: str, address: str, folder: Path) -> Page:
    """A page as a browser has it after its scripts have run."""
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}", "--virtual-time-budget=2000",
        "--dump-dom", address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return read_page(done.stdout)
