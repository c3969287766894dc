"""Volcano plots of a differential abundance, one strip per category."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from scipy.stats import gaussian_kde

from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._runs.find import find_view

from ._artist import check_keywords
from ._categories import drawn_categories
from ._da import AXIS, DAPoints, da_points
from ._scatter import color_legend_width, color_scatter
from ._style import LETTER, NORMAL, SMALL, TITLE, despine, finish, new_axes, outside_legend
from ._theme import shade

FILLED = 0.88
"""Part of a strip's height that the largest value reaches."""
BESIDE = 0.55
"""Inches that the scale to the right of the axes takes."""
TICK = 0.15
"""Least inches between the numbers of the scale."""
DENSITY_CELLS = 3000
"""Cells of a category that its density is drawn from."""


def multi_volcano_da(
    data: Data,
    cell_groups: str,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    color: str | None = None,
    y: Literal["tail", "qvalue"] | None = None,
    order: Sequence[object] | None = None,
    exclude: object | Sequence[object] = (),
    ax: Axes | None = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> Axes:
    """
    A volcano plot of the cells of each category, in strips one above the other with the same two scales.

    Behind the cells of a strip stands the density of their log fold changes, scaled to the height of the strip. Below
    the name of a category are its numbers of cells up and down.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.da`.
    cell_groups
        Obs column of the categories.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData.
    color
        Obs column: categories in their stored colours, or numbers. None: the direction (up, neutral, down).
    y
        Height in a strip: −log10 of the posterior tail probability, or of the q-value between replicates. None: the
        one that the directions rest on.
    order
        Categories from top to bottom; None sorts by the median log fold change, largest first.
    exclude
        Categories to leave out.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **scatter_kws
        For `ax.scatter`, for example `s`, `alpha`, `cmap`, `norm`, or `vmin` and `vmax`: numbers or percentiles such as
        "p1".

    Returns
    -------
    The axes; the strip at the top has the largest y. Drawn are the cells of the two conditions of the run.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> ax = kp.pl.multi_volcano_da(adata, "celltype")
    """
    check_keywords(multi_volcano_da, scatter_kws, "PathCollection")
    view = find_view(data, "da", run_id=run_id, key_added=key_added, group=group, mod=mod)
    points = da_points(view, y)
    values = points.colors(view.data, color)
    column = obs_column(view.data, cell_groups, "cell_groups").reset_index(drop=True)
    medians = pd.Series(points.lfc)[points.cells].groupby(column[points.cells], observed=True).median()
    by_median = medians.sort_values(ascending=False, kind="stable").index
    names = drawn_categories(column, by_median, order=order, exclude=exclude)
    wide, high = points.limits()
    floor = column.map({name: len(names) - 1 - number for number, name in enumerate(names)}).astype(float).to_numpy()
    cells = points.cells & np.isfinite(floor)

    longest = max(len(str(name)) for name in names)
    label = "cells" if color is None else color
    legend = 1.7 if color is None else color_legend_width(values[cells], label)
    ax = new_axes(
        ax, 3.8 + legend + LETTER * max(longest, 14), 1.0 + max(0.5, 1.0 - 0.05 * len(names)) * max(len(names), 2)
    )
    ax.set_xlim(-wide, wide)
    ax.set_ylim(0, len(names))
    _background(ax, points, [(points.lfc[cells & (floor == level)], level) for level in range(len(names))], high)
    xy = np.column_stack([points.lfc, floor + FILLED * points.height / high])[cells]
    color_scatter(
        ax, xy, values[cells], data=view.data, key=color or "", label=label, legend=color is not None, pad=BESIDE,
        kws=scatter_kws,
    )  # fmt: skip
    if color is None:
        outside_legend(ax, points.legend(view.directions, cells), label, pad=BESIDE)
    _name_strips(ax, names, column, points)
    _scale(ax, points, high, len(names))
    ax.set_xlabel(f"log fold change of density ({view.difference})", fontsize=NORMAL)
    ax.set_title(view.title, fontsize=TITLE)
    return finish(ax, show, view)


def _background(ax: Axes, points: DAPoints, strips: Sequence[tuple[np.ndarray, int]], high: float) -> None:
    """The density of each strip, the lines between the strips and the thresholds."""
    style: dict[str, Any] = {"color": shade(0.6), "linewidth": 0.7, "linestyle": "--", "zorder": 0.5}
    grid = np.linspace(*ax.get_xlim(), 300)
    for lfc, level in strips:
        ax.axhline(level, color=shade(0.2), linewidth=0.6, zorder=0.5)
        if points.threshold is not None:
            ax.axhline(level + FILLED * points.threshold / high, **style)
        if len(lfc) > DENSITY_CELLS:
            lfc = np.sort(lfc)[np.linspace(0, len(lfc) - 1, DENSITY_CELLS).astype(int)]
        if len(lfc) < 3 or np.ptp(lfc) == 0:
            continue
        density = gaussian_kde(lfc, lambda kde: kde.scotts_factor() / 2)(grid)
        ax.fill_between(grid, level, level + FILLED * density / density.max(), color=shade(0.1), linewidth=0, zorder=0)
    for sign in (-1, 1) if points.min_lfc > 0 else ():
        ax.axvline(sign * points.min_lfc, **style)


def _name_strips(ax: Axes, names: Sequence[Any], column: pd.Series, points: DAPoints) -> None:
    """Category and numbers of cells to the left of each strip."""
    middle = len(names) - np.arange(len(names)) - 0.5
    labels = []
    for name in names:
        counts = points.counts((column == name).to_numpy())
        labels.append(f"{name}\n{counts['up']:,} up, {counts['down']:,} down")
    despine(ax)
    ax.set_yticks(middle, labels, fontsize=SMALL)
    ax.tick_params(axis="y", length=0)


def _scale(ax: Axes, points: DAPoints, high: float, n: int) -> None:
    """What the heights mean: ticks of every strip to the right, with one label for all."""
    inches = FILLED * ax.bbox.height / ax.figure.dpi / n
    # the next strip begins with its zero
    highest = high * (inches / FILLED - TICK) / inches
    fewest = max(1, min(2, int(inches / TICK) - 1))
    ticks = [tick for tick in MaxNLocator(fewest, steps=[1, 2, 5, 10]).tick_values(0, highest) if 0 <= tick <= highest]
    if len(ticks) < 2 and highest > 0:
        ticks = [0.0, float(f"{highest:.1g}") if float(f"{highest:.1g}") <= highest else 0.5 * highest]
    right = ax.secondary_yaxis("right")
    places = [(level + FILLED * tick / high, f"{tick:g}") for level in range(n) for tick in ticks]
    right.set_yticks(*map(list, zip(*places, strict=True)), fontsize=SMALL - 1)
    right.tick_params(length=2, width=0.5)
    right.spines["right"].set_visible(False)
    right.set_ylabel(AXIS[points.y], fontsize=SMALL)
