"""Abundance changes of the cells of each category, as a beeswarm."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._runs.find import find_view

from ._artist import check_keywords
from ._categories import drawn_categories
from ._da import da_points
from ._scatter import color_scatter
from ._style import finish, name_axes, new_axes, outside_legend
from ._swarm import swarm_offsets
from ._theme import shade
from ._values import some_numbers

HALF = 0.42
"""Half the height of the widest swarm, of the distance between categories."""


def beeswarm_da(
    data: Data,
    cell_groups: str,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    order: Sequence[object] | None = None,
    exclude: object | Sequence[object] = (),
    ax: Axes | None = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> Axes:
    """
    Signed change of abundance at the cells of each category, coloured by their direction.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.da`.
    cell_groups
        Obs column of the categories.
    run_id, key_added, group
        Which run: its number (negative ones count from the end), its prefix, the group of its contrast. None: the last.
    mod
        Modality of a MuData.
    order
        Categories from top to bottom; None sorts by the median, largest first.
    exclude
        Categories to leave out.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **scatter_kws
        For `ax.scatter`, for example `s` or `alpha`.

    Returns
    -------
    The axes. With samples the change is the effect of the replicate test, which the directions rest on; without, the log fold change
    of the density. A swarm is as wide as its cells are dense there. Drawn are the cells of the two conditions of the run.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> ax = kp.pl.beeswarm_da(adata, "celltype")
    """
    check_keywords(beeswarm_da, scatter_kws, "PathCollection", scale=False)
    view = find_view(data, "da", run_id=run_id, key_added=key_added, group=group, mod=mod)
    points = da_points(view, None)
    effect = some_numbers(view, "neighborhood_lfc") if view.has("neighborhood_lfc") else points.lfc
    column = obs_column(view.data, cell_groups, "cell_groups").reset_index(drop=True)
    cells = points.cells & np.isfinite(effect) & column.notna().to_numpy()
    medians = pd.Series(effect)[cells].groupby(column[cells], observed=True).median()
    names = drawn_categories(
        column, medians.sort_values(ascending=False, kind="stable").index, order=order, exclude=exclude
    )
    row = column.map({name: number for number, name in enumerate(names)}).astype(float).to_numpy()
    cells &= np.isfinite(row)
    offsets = np.zeros(len(effect))
    for number in range(len(names)):
        own = np.flatnonzero(cells & (row == number))
        offsets[own] = HALF * swarm_offsets(effect[own])

    longest = max(len(str(name)) for name in names)
    ax = new_axes(ax, 4.8 + 0.08 * longest, 1.0 + max(0.35, 0.75 - 0.03 * len(names)) * len(names))
    xy = np.column_stack([effect, row + offsets])[cells]
    colors = points.colors(view.data, None)[cells]
    color_scatter(ax, xy, colors, data=view.data, key="", label="cells", legend=False, kws=scatter_kws)
    ax.axvline(0, color=shade(0.6), linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(names)), [str(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    bound = 1.08 * (np.abs(xy[:, 0]).max() or 1.0)
    ax.set_xlim(-bound, bound)
    what = "effect of the replicate test" if view.has("neighborhood_lfc") else "log fold change of density"
    name_axes(ax, title=view.title, x=f"{what} ({view.difference})")
    ax.tick_params(axis="y", length=0)
    outside_legend(ax, points.legend(view.directions, cells)[:3], "cells")
    return finish(ax, show, view)
