"""Keywords that are passed on to matplotlib: unknown names raise, and limits of colour scales may be percentiles."""

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np
from matplotlib.artist import ArtistInspector

from kompot_scverse._data.errors import choices

from ._style import percentile_limits

OF_AXES = {
    "title": "ax.set_title(...)",
    "xlabel": "ax.set_xlabel(...)",
    "ylabel": "ax.set_ylabel(...)",
    "xlim": "ax.set_xlim(...)",
    "ylim": "ax.set_ylim(...)",
    "save": 'ax.figure.savefig("plot.pdf")',
    "savefig": 'ax.figure.savefig("plot.pdf")',
    "filename": 'ax.figure.savefig("plot.pdf")',
    "dpi": 'ax.figure.savefig("plot.png", dpi=300)',
    "figsize": "ax.figure.set_size_inches(8, 5)",
    "legend_loc": 'ax.get_legend().set_loc("upper left")',
}
"""What plots of other packages take as arguments, and how it is said to the axes that these return."""
OF_SCANPY = {
    "color_map": "write `cmap=`",
    "size": "write `s=`",
    "palette": 'colours of categories are those stored in the data, as `adata.uns["celltype_colors"]`',
}
"""What scanpy's plots take as arguments, and what to do here."""
ARTISTS = {"PathCollection": "collections", "PolyCollection": "collections", "Line2D": "lines", "Rectangle": "patches"}
"""What plots draw, and the modules of matplotlib that have it."""
SCALE = ("cmap", "norm", "vmin", "vmax")
EXTRA = {"PathCollection": ("s", "marker", "edgecolors", "linewidths"), "Rectangle": ("height",)}
"""Arguments of the axes' methods that are not properties of what they draw."""


def check_keywords(function: Callable, kws: Mapping[str, Any], artist: str, *, scale: bool = True) -> None:
    """
    Raise a TypeError for keywords that neither the plot nor matplotlib knows, closest names first.

    Parameters
    ----------
    function
        The plot, for its own parameters.
    kws
        What was given beyond them.
    artist
        Name of the class of what is drawn, one of those of `ARTISTS`.
    scale
        Whether it has a colour scale.
    """
    inspector = ArtistInspector(getattr(import_module(f"matplotlib.{ARTISTS[artist]}"), artist))
    known = {*inspector.get_setters(), *EXTRA.get(artist, ()), *(SCALE if scale else ())}
    known |= {alias for aliases in inspector.aliasd.values() for alias in aliases}
    own = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    for name in kws:
        if name in OF_AXES:
            raise TypeError(
                f"`kp.pl.{function.__name__}` has no argument {name!r}: call `{OF_AXES[name]}` on the `ax` that it returns "
                "(of several panels, `panels.axes` and `panels.figure`)."
            )
        if name in OF_SCANPY and name not in known:
            raise TypeError(f"`kp.pl.{function.__name__}` has no argument {name!r}: {OF_SCANPY[name]}.")
        if name not in known:
            raise TypeError(
                f"`kp.pl.{function.__name__}` has no argument {name!r}, nor has matplotlib's {artist}; "
                f"{choices(name, [*own, *sorted(known)])}."
            )


def color_scale(values: np.ndarray, kws: Mapping[str, Any], *, signed: bool) -> dict[str, Any]:
    """
    Colour map and limits, as keywords for matplotlib.

    Parameters
    ----------
    values
        What is drawn.
    kws
        Keywords of the plot. `cmap`; `vmin` and `vmax`, numbers or percentiles such as "p1"; or a matplotlib `norm`.
    signed
        Whether the scale is centred at zero, in blue and red.
    """
    scale: dict[str, Any] = {"cmap": kws.get("cmap") or ("RdBu_r" if signed else "viridis")}
    if kws.get("norm") is not None:
        if kws.get("vmin") is not None or kws.get("vmax") is not None:
            raise ValueError("Pass either `norm` or `vmin` and `vmax`.")
        return scale | {"norm": kws["norm"]}
    vmin, vmax = percentile_limits(values, kws.get("vmin"), kws.get("vmax"), signed=signed)
    return scale | {"vmin": vmin, "vmax": vmax}


def without_scale(kws: Mapping[str, Any] | None) -> dict[str, Any]:
    """The keywords that are not about the colour scale."""
    return {name: value for name, value in (kws or {}).items() if name not in SCALE}
