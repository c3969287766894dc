"""Distances between samples, drawn as a clustered heatmap or as points."""

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from kompot_scverse._runs.sample_distances import SampleDistances
from kompot_scverse._runs.view import RunView

from ._labels import label_points
from ._scatter import color_scatter
from ._style import (
    LETTER,
    NEUTRAL,
    NORMAL,
    SMALL,
    TITLE,
    category_colors,
    chosen_size,
    corner_inches,
    dot,
    fill_colorbar,
    grid,
    legend_width,
    name_axes,
)
from ._theme import paper, shade

PER_SAMPLE, STRIP, TREE, LINE = 0.24, 0.19, 0.5, 0.175
"""Inches of a row, of a strip of colours, of the tree, and of an entry of a legend."""
BAR = 1.2
"""Height of the colour bar in inches."""
MANY = 40
"""Samples above which names get smaller."""
ORDERED = 200
"""Samples above which the branches of the tree are not turned so that neighbours are alike."""
FAR = "viridis_r"
"""Dark is far."""


def draw_clusters(
    view: RunView, found: SampleDistances, colors: dict[str, pd.Series], *, title: str, unit: str, labels: bool
) -> dict[str, Axes]:
    """
    A heatmap of the distances under a tree.

    Parameters
    ----------
    view
        The run, for the colours.
    found
        The distances.
    colors
        Obs columns by sample.
    title, unit
        What stands above, and beside the colour bar.
    labels
        Whether names are written.
    """
    n = len(found.names)
    palettes = {name: _palette(view, name, values) for name, values in colors.items()}
    side = min(max(PER_SAMPLE * n, 2.4), 9.0)
    longest = LETTER * max(map(len, found.names)) if labels else 0.0
    left = max([longest, *(LETTER * len(name) for name in colors)]) + 0.2
    keys = sum(LINE * (len(entries) + 2) for _, entries in palettes.values())
    beside = max(
        [1.2, *(0.5 + legend_width([e.get_label() for e in own], name) for name, (_, own) in palettes.items())]
    )
    # from below: names, distances, colours, tree, title; the title may be wider than the rest
    heights = np.array(
        [max(side + longest, keys + BAR - TREE) - side + 0.2, side, STRIP * len(colors) + 0.03, TREE, 0.6]
    )
    width = max(left + side + beside, 0.08 * max(map(len, title.split("\n"))) + 0.2)
    figure = plt.figure(figsize=chosen_size() or (width, float(heights.sum())))
    bottoms, scale = np.cumsum(heights) / heights.sum(), 1 / heights.sum()
    box = left / width, side / width
    heat, strip, tree = (
        figure.add_axes((box[0], float(bottoms[number - 1]), box[1], float(heights[number] * scale)))
        for number in (1, 2, 3)
    )
    order = _tree(tree, found.distances)
    figure.text(0.5, 1 - 0.12 * scale, title, fontsize=TITLE, ha="center", va="top")
    _strips(strip, colors, palettes, order)
    mesh = _matrix(heat, found, order, labels=labels)
    top, legends = 0.0, []
    for name, (_, entries) in palettes.items():
        legend = tree.legend(
            handles=entries, title=name, loc="upper left", bbox_to_anchor=(0.1, -top), bbox_transform=corner_inches(tree),
            borderaxespad=0, frameon=False, fontsize=SMALL, title_fontsize=NORMAL, handletextpad=0.4,
        )  # fmt: skip
        legend.set_alignment("left")
        legends.append(legend)
        top += LINE * (len(entries) + 2)
    for legend in legends[:-1]:  # the last one is there
        tree.add_artist(legend)
    bar = tree.inset_axes((0.15, -(top + BAR), 0.12, BAR - 0.1), transform=corner_inches(tree))
    fill_colorbar(bar, mesh, unit)
    return {"heatmap": heat, "tree": tree, "colors": strip}


def _tree(ax: Axes, distances: np.ndarray) -> np.ndarray:
    """The tree of average linkage; returns the order of its leaves."""
    n = len(distances)
    ax.set_axis_off()
    if n < 3 or not distances.any():
        return np.arange(n)
    merges = linkage(squareform(distances, checks=False), "average", optimal_ordering=n <= ORDERED)
    drawn = dendrogram(merges, ax=ax, color_threshold=0, above_threshold_color=shade(0.6), no_labels=True)
    for lines in ax.collections:
        lines.set_linewidth(0.8)
    ax.set_xlim(0, 10 * n)
    return np.array(drawn["leaves"])


def _matrix(ax: Axes, found: SampleDistances, order: np.ndarray, *, labels: bool) -> Any:
    """The distances, with nothing on the diagonal."""
    n = len(order)
    own = np.eye(n, dtype=bool)
    others = found.distances[~own]
    limits = {"vmin": others.min(), "vmax": others.max()} if others.any() else {"vmin": 0.0, "vmax": 1.0}
    shown = np.ma.masked_where(own, found.distances[np.ix_(order, order)])
    mesh = ax.pcolormesh(np.arange(n + 1), np.arange(n + 1), shown, cmap=FAR, **limits)
    ax.set_facecolor(shade(0.08))
    ax.set_ylim(n, 0)
    names = [found.names[number] for number in order] if labels else []
    size = SMALL if n <= MANY else SMALL * MANY / n
    ax.set_xticks(np.arange(len(names)) + 0.5, names, rotation=90, fontsize=size)
    ax.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=size)
    _bare(ax)
    return mesh


def _bare(ax: Axes) -> None:
    """Neither a frame nor ticks."""
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _strips(
    ax: Axes, colors: dict[str, pd.Series], palettes: dict[str, tuple[list[Any], list[Any]]], order: np.ndarray
) -> None:
    """A strip of colours for each column."""
    n = len(order)
    if not colors:
        ax.set_axis_off()
        return
    image = np.array([[to_rgb(palettes[name][0][number]) for number in order] for name in colors])
    ax.imshow(image, aspect="auto", extent=(0, n, len(image), 0), interpolation="none")
    ax.vlines(np.arange(1, n), 0, len(image), color=paper(), linewidth=1.0 if n <= MANY else 0.3)
    ax.hlines(np.arange(1, len(image)), 0, n, color=paper(), linewidth=1.0)
    ax.set_xticks([])
    ax.set_yticks(np.arange(len(image)) + 0.5, list(colors), fontsize=SMALL)
    _bare(ax)


def _palette(view: RunView, name: str, values: pd.Series) -> tuple[list[Any], list[Any]]:
    """Colour of each sample, and the entries of a legend."""
    if values.dtype.kind == "f":
        low, high = values.min(), values.max()
        scale = mpl.colormaps["cividis"]
        places = (values - low) / ((high - low) or 1.0)
        drawn = [scale(float(place)) if np.isfinite(place) else NEUTRAL for place in places]
        ends = [(0.0, low), (1.0, high)] if high > low else [(0.0, low)]
        return drawn, [dot(scale(place), f"{value:.3g}") for place, value in ends]
    table = category_colors(view.data, name, values.cat.categories)
    entries = [dot(table[one], str(one)) for one in values.cat.categories]
    missing = values.isna()
    if missing.any():
        entries.append(dot(NEUTRAL, "missing"))
    return [NEUTRAL if gone else table[one] for one, gone in zip(values, missing, strict=True)], entries


def draw_points(
    view: RunView, found: SampleDistances, colors: dict[str, pd.Series], *, title: str, labels: bool
) -> dict[str, Axes]:
    """
    Samples in the two dimensions that keep most of the squared distances, a panel for each column.

    Parameters
    ----------
    view, found, colors, title, labels
        As in :func:`draw_clusters`.
    """
    points, shares = _scaled(found.distances)
    axes = grid(list(colors) or ["samples"], max(len(colors), 1), 4.8, 3.8)
    for name, ax in axes.items():
        values = colors.get(name, pd.Series([""] * len(points), dtype="category"))
        color_scatter(
            ax, points, values, data=view.data, key=name, label=name, background=False, legend=name in colors,
            kws={"s": 45.0, "cmap": "cividis"},
        )  # fmt: skip
        named = [
            f"dimension {number + 1} ({share:.0%} of the squared distances)" for number, share in enumerate(shares)
        ]
        name_axes(ax, title="", x=named[0], y=named[1])
        ax.margins(0.14)
        # a step is as long in both
        ax.set_aspect("equal", adjustable="datalim")
        if labels:
            x, y = points.T
            label_points(ax, x, y, found.names, points, np.ones(len(points)), {"fontsize": SMALL}, complain=False)
    next(iter(axes.values())).figure.suptitle(title, fontsize=TITLE)
    return axes


def _scaled(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classical multidimensional scaling (Torgerson 1952): two coordinates, and their shares of the squared distances."""
    n = len(distances)
    center = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(center @ (-0.5 * np.square(distances)) @ center)
    first = np.maximum(values[::-1][:2], 0.0)
    coordinates = np.sqrt(first) * vectors[:, ::-1][:, :2]
    # the sign is arbitrary; it is fixed by the sample that is farthest
    signs = np.sign(coordinates[np.abs(coordinates).argmax(axis=0), [0, 1]])
    total = np.maximum(values, 0.0).sum()
    return coordinates * np.where(signs == 0, 1, signs), first / (total or 1.0)
