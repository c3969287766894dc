"""Plots within the page, and why they are not there."""

import base64
import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from pages import read_page

from kompot_scverse._report.figures import drawing, part


def test_a_part_that_fails_says_why_and_leaves_no_figure_open() -> None:
    def fails() -> None:
        plt.figure()
        raise LookupError("No genes <b>of</b> run 0.")

    before = plt.get_fignums()
    found = str(part(fails))
    assert plt.get_fignums() == before
    assert "".join(read_page(found).texts["p"]) == "Left out: No genes <b>of</b> run 0."
    assert part(lambda x: x, 3) == 3


def test_plots_have_the_style_of_the_page_and_the_session_keeps_its_own() -> None:
    with mpl.rc_context({"axes.facecolor": "black"}):
        with drawing():
            assert mpl.rcParams["axes.facecolor"] == "white"
        assert mpl.rcParams["axes.facecolor"] == "black"


def test_images_are_within_the_page_with_their_size_and_a_text() -> None:
    from kompot_scverse._report.figures import _figure

    def draw(width: float):
        return plt.subplots(figsize=(width, 2))[1]

    page = read_page(str(_figure("A <plot>.", draw, 3.0)))
    (source,), (width,), (height,) = (page.values("img", name) for name in ("src", "width", "height"))
    image = plt.imread(io.BytesIO(base64.b64decode(source.partition(",")[2])))
    assert image.shape[:2] == (int(height), int(width))
    assert page.values("img", "alt") == page.texts["figcaption"] == ["A <plot>."]
    assert np.isclose(int(width) / int(height), 1.5, atol=0.4)
    assert page.values("div", "class") == ["plot"]
    assert read_page(str(_figure("", draw, 12.0))).values("div", "class") == ["plot wide"]
