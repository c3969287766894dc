"""
Draws the pictures of pages from their own code: `uv run --group doc python docs/_static/draw.py`, or with names of pages.

The Python blocks of a page run in order; an image link saves the figure of the block before it.
"""

import re
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

DOCS = Path(__file__).parents[1]
PAGES = ("gallery", "guide/reading")
PART = re.compile(r"^```python\n(?P<code>.*?)^```|!\[.*?\]\((?P<image>[^)]*\.png)\)", re.MULTILINE | re.DOTALL)


def draw(page: Path) -> None:
    namespace: dict = {}
    for part in PART.finditer(page.read_text()):
        if part["code"]:
            plt.close("all")
            exec(compile(part["code"], page.name, "exec"), namespace)
        else:
            target = (page.parent / part["image"]).resolve()
            target.parent.mkdir(exist_ok=True)
            plt.gcf().savefig(target, dpi=70, bbox_inches="tight", metadata={"Software": None})


mpl.use("agg")
for name in sys.argv[1:] or PAGES:
    draw(DOCS / f"{name}.md")
