"""Shares of cells that became more or less abundant, by category."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._keys import DIRECTIONS
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.view import RunView

from ._artist import check_keywords
from ._categories import drawn_categories
from ._da_levels import HIGHEST, level_calls
from ._style import DIRECTION_COLORS, NEUTRAL, finish, name_axes, name_rows, new_axes, outside_legend
from ._values import some_values


def direction_barplot(
    data: Data,
    cell_groups: str,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    normalize: bool = True,
    order: Sequence[object] | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    **bar_kws: Any,
) -> Axes:
    """
    Shares (or numbers) of cells that are up, down or neutral in each category.

    For an effect with several coefficients, the levels replace up and down: cells that differ count at the level where they are most
    abundant.

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
    normalize
        Shares of each category; False for numbers of cells.
    order
        Categories from top to bottom; None sorts by the share up minus the share down (of levels, by the share that differs).
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **bar_kws
        For `ax.barh`, for example `alpha` or `edgecolor`.

    Returns
    -------
    The axes. Counted are the cells of the two conditions of the run.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> ax = kp.pl.direction_barplot(adata, "celltype")
    """
    check_keywords(direction_barplot, bar_kws, "Rectangle", scale=False)
    view = find_view(data, "da", run_id=run_id, key_added=key_added, group=group, mod=mod)
    calls, colors = _calls(view)
    column = obs_column(view.data, cell_groups, "cell_groups")
    cells = np.logical_or(*view.conditions()) & calls.notna().to_numpy() & column.notna().to_numpy()
    counts = pd.crosstab(column[cells], calls[cells].astype(str)).reindex(columns=list(colors), fill_value=0)
    totals = counts.sum(axis=1)
    shares = counts.div(totals, axis=0)
    # ties (often: nothing up or down) by size
    balance = 1 - shares["neutral"] if view.omnibus else shares["up"] - shares["down"]
    keys = pd.DataFrame({"balance": balance, "n": totals})
    names = drawn_categories(
        column, keys.sort_values(["balance", "n"], ascending=False, kind="stable").index, order=order
    )
    table = (shares if normalize else counts).reindex(names)

    longest = max((len(str(name)) for name in names), default=0)
    ax = new_axes(ax, 4.3 + 0.08 * longest, 1.0 + 0.28 * len(names))
    left = np.zeros(len(table))
    rows = np.arange(len(table))
    handles = []
    for direction, color in colors.items():
        own = table[direction].to_numpy(dtype=np.float64)
        options: dict[str, Any] = {"color": color, "height": 0.75, "linewidth": 0} | bar_kws
        text = direction if view.omnibus else view.directions.get(direction, direction)
        handles.append(ax.barh(rows, own, left=left, label=text, **options))
        left += own
    ax.set_xlim(0, left.max(initial=0) or 1)
    name_axes(ax, title=view.title, x="share of cells" if normalize else "cells")
    name_rows(ax, [f"{name} (n = {totals[name]:,})" for name in names])
    outside_legend(ax, handles)
    return finish(ax, show, view)


def _calls(view: RunView) -> tuple[pd.Series, dict[str, Any]]:
    """What each cell is counted as, and the colours, from left to right."""
    if view.omnibus:
        found = level_calls(view)
        return found.names(), {HIGHEST.format(name): color for name, color in found.colors.items()} | {
            "neutral": NEUTRAL
        }
    return some_values(view, "lfc_direction"), {name: DIRECTION_COLORS[name] for name in DIRECTIONS}
