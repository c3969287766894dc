"""The page in a browser: tables sort by link and by click, and filter; nothing that a name says is run."""

import shutil

import pytest
from pages import dumped, read_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the browser Chromium")
NAME = "run-1-genes-table"
CLICKS = """<script>
const head = document.querySelectorAll("#TABLE thead button")[2];
head.focus();
document.activeElement.click();
const states = [head.parentElement.ariaSort];
head.click();
states.push(head.parentElement.ariaSort);
const filter = document.querySelector("[data-filter='TABLE']");
filter.value = "SCRIPT";
filter.dispatchEvent(new Event("input"));
const shown = [...document.querySelectorAll("#TABLE tbody tr")].filter((row) => !row.hidden).length;
document.body.append(Object.assign(document.createElement("output"), {textContent: [...states, shown, location.hash].join(" ")}));
</script></body>"""


def numbers(page, column: int) -> list[float]:
    rows = page.column(NAME, column)
    return [float(text.replace("−", "-")) for text in rows if text]


def test_a_link_sorts(full, tmp_path):
    before = read_page(full.read_text())
    lfc = before.tables[NAME][0].index("mean LFC")
    assert numbers(before, lfc) != sorted(numbers(before, lfc))
    page = dumped(CHROMIUM, f"{full.as_uri()}#sort={NAME}.{lfc}.ascending", tmp_path)
    assert numbers(page, lfc) == sorted(numbers(before, lfc))
    assert sorted(page.column(NAME, 0)) == sorted(before.column(NAME, 0))
    assert page.values("th", "aria-sort").count("ascending") == 1
    assert page.texts["title"] == ["A <title>"], "a name was run as a script"


def test_clicks_sort_and_text_filters(full, tmp_path):
    changed = full.with_name("clicked.html")
    changed.write_text(full.read_text().replace("</body>", CLICKS.replace("TABLE", NAME)))
    page = dumped(CHROMIUM, changed.as_uri(), tmp_path)
    first, second, shown, link = page.texts["output"][0].split(" ")
    assert (first, second) == ("ascending", "descending")
    assert shown == "1"
    assert link == f"#sort={NAME}.2.descending"
    q = numbers(page, 2)
    assert q == sorted(q, reverse=True)
