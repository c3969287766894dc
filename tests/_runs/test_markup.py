"""What is not HTML is escaped."""

import pytest
from pages import read_page

from kompot_scverse._runs.markup import Html, joined, tag


@pytest.mark.parametrize("text", ["<script>", "a & b", '"quoted"', "it's", "</td>", "&lt;"])
def test_text_comes_back_as_it_was(text):
    page = read_page(tag("p", text, title=text))
    assert page.texts["p"] == [text]
    assert page.tags == [("p", {"title": text})]


def test_html_stays_and_numbers_are_text():
    inner = tag("b", 3)
    assert tag("p", "x", inner) == "<p>x<b>3</b></p>"
    assert isinstance(inner, Html)
    assert joined("<", inner) == "&lt;<b>3</b>"


def test_attributes_are_written_as_in_html():
    assert tag("button", data_csv="t", class_="a", hidden=True, title=None, open=False) == (
        '<button data-csv="t" class="a" hidden></button>'
    )
    assert tag("img", src="x") == '<img src="x">'
