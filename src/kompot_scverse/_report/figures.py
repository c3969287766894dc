"""Plots within the page."""

import base64
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kompot_scverse._runs.markup import Html, tag

from .run import ReportedRun

DPI = 110
WIDE, LARGE = 2.0, 850
"""Ratio of width to height, and width in pixels, from which on a plot is scrolled on a small screen rather than shrunk."""
LATER = "Fields of run .* were overwritten"
"""A warning that the page gives in words of its own."""


@contextmanager
def drawing() -> Iterator[None]:
    """Plots in the style of the page, whatever the session has set, and without windows."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with plt.ioff(), mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        warnings.filterwarnings("ignore", LATER, UserWarning)
        # names of genes in letters that matplotlib's font does not have
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        # of many genes, a plot names those that there is room for
        warnings.filterwarnings("ignore", ".* labels were left out", UserWarning)
        yield


def plotted(run: ReportedRun, text: str, draw: Callable, *arguments: Any, **options: Any) -> Html:
    """A plot of a run, or why there is none."""
    return part(_figure, text, draw, run.data, *arguments, **run.chosen, **options)


def part(make: Callable, *arguments: Any, **options: Any) -> Any:
    """A part of the page, or a sentence that says why it is not there."""
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    try:
        return make(*arguments, **options)
    except (LookupError, ValueError) as error:
        for number in set(plt.get_fignums()) - set(before):
            plt.close(number)
        message = error.args[0] if error.args else type(error).__name__
        return tag("p", "Left out: ", str(message), class_="note")


def _figure(text: str, draw: Callable, *arguments: Any, **options: Any) -> Html:
    """A plot with what it shows, for those who read and for those who cannot see it."""
    import matplotlib.pyplot as plt

    drawn = draw(*arguments, **options).figure
    target = io.BytesIO()
    drawn.savefig(target, format="png", dpi=DPI, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    plt.close(drawn)
    data = target.getvalue()
    # of a PNG, after its signature and the name of the first block
    width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
    encoded = base64.b64encode(data).decode()
    image = tag("img", src=f"data:image/png;base64,{encoded}", alt=text, width=width, height=height)
    shape = "plot wide" if width > min(WIDE * height, LARGE) else "plot"
    return tag("figure", tag("div", image, class_=shape), tag("figcaption", text))
