"""Shades between the background and the text of the style in use, so that plots can be read in a dark one, too."""

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex, to_rgba


def paper() -> str:
    """Background colour of the axes."""
    return shade(0.0)


def shade(level: float) -> str:
    """A colour from that of the background (0) to that of the text (1); in a light style a grey, `1 - level`."""
    behind = to_rgba(mpl.rcParams["axes.facecolor"])
    if behind[3] == 0:
        behind = to_rgba(mpl.rcParams["figure.facecolor"])
    ends = np.array([behind[:3], to_rgba(mpl.rcParams["text.color"])[:3]])
    return to_hex(np.array([1 - level, level]) @ ends)
