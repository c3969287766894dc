"""Tables of runs as text and as HTML."""

from html.parser import HTMLParser

from kompot_scverse._runs.html import code, details, display, html_table, page, text_table


class Reader(HTMLParser):
    """Texts and tags of a page; every tag must be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.texts, self.open, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert not reader.open
    return reader


def test_values_as_a_person_writes_them():
    values = [True, None, 0.1 + 0.2, 12345, {"a": 1.0, "b": []}, ["x", 2], "text", 1e-9]
    assert [display(value) for value in values] == [
        "True", "None", "0.3", "12,345", "a: 1, b: none", "x, 2", "text", "1e-09",
    ]  # fmt: skip


def test_columns_are_aligned_and_long_cells_cut():
    lines = text_table([("a", "b" * 20), ("long", "c")], width=10)
    assert lines == ["  a     bbbbbbbbb…", "  long  c"]
    assert text_table([]) == []


def test_colors_are_those_of_the_theme_and_wide_tables_scroll():
    text = html_table([("a", "b")], ("c", "d"))
    assert text.count("color:inherit") == 5
    assert "overflow-x:auto" in text
    assert read(text).tags[:2] == ["div", "table"]


def test_what_users_write_is_text_and_no_markup():
    evil = "<script>alert('x')</script>"
    found = read(page(evil, evil, [details(evil, html_table([(evil, "overwritten")], (evil,), ("over",))), code(evil)]))
    assert "script" not in found.tags
    assert found.texts.count(evil) == 6
    assert found.tags.count("span") == 1
