"""Volcano plot of a differential abundance."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kompot_scverse._data.errors import missing
from kompot_scverse._data.provenance import store_runs
from kompot_scverse._stats.abundance import DIRECTIONS, direction
from kompot_scverse.settings import DAThresholdSettings

from ._artist import check_keywords
from ._fields import RunData, find_run_data
from ._scatter import color_scatter
from ._style import DIRECTION_COLORS, NORMAL, TITLE, despine, dot, finish, line, new_axes, outside_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["volcano_da"]

CALL = "kp.tl.da(...)"


def volcano_da(
    data: Any,
    *,
    run_id: int = -1,
    key: str | None = None,
    group: object = None,
    color: str | None = None,
    thresholds: DAThresholdSettings | None = None,
    update: bool = False,
    mod: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> "Axes":
    """
    Log fold change of the density at every cell of the contrast against its posterior tail probability.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.da`.
    run_id, key, group
        Which run: its number (negative ones count from the end), its `key_added`, the group of its contrast.
    color
        Obs column: categories in their stored colours, or numbers. None: the direction (up, neutral, down).
    thresholds
        Other thresholds than those of the run; direction and counts follow.
    update
        Also write the new direction and thresholds to the data and the run. This is the only case in which a plot
        changes the data.
    mod
        Modality of a MuData.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **scatter_kws
        For `ax.scatter`, for example `s`, `alpha`, `cmap`, `norm`, or `vmin` and `vmax`: numbers or percentiles such as
        "p1".

    Returns
    -------
    The axes.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> ax = kp.pl.volcano_da(adata, color="celltype")
    """
    from matplotlib.collections import PathCollection

    check_keywords(volcano_da, scatter_kws, PathCollection)
    found = find_run_data(data, "da", run_id=run_id, key=key, group=group, mod=mod)
    if update and thresholds is None:
        raise ValueError("`update=True` writes new thresholds; pass them as `thresholds=kp.DAThresholdSettings(...)`.")
    if color is not None and color not in found.data.obs:
        raise missing("obs column (`color`)", color, found.data.obs.columns)
    lfc, tail = (found.values("obs", what, CALL).to_numpy(dtype=np.float64) for what in ("lfc", "neg_log10_lfc_ptp"))
    cells = np.logical_or(*found.conditions()) & np.isfinite(lfc) & np.isfinite(tail)
    given = thresholds or DAThresholdSettings(
        lfc=found.run.params["lfc_threshold"], ptp=found.run.params["ptp_threshold"]
    )
    if thresholds is None:
        calls = found.values("obs", "lfc_direction", CALL)
    else:
        calls = directions(lfc, tail, thresholds)
    counts = pd.Series(np.asarray(calls)[cells]).value_counts()

    ax = new_axes(ax, 6.4, 4.2)
    draw_thresholds(ax, given)
    points = np.column_stack([lfc, tail])[cells]
    values = pd.Series(np.asarray(calls)) if color is None else found.data.obs[color]
    texts = [
        f"{name} in {found.group} ({counts.get(name, 0):,})"
        if name != "neutral"
        else f"neutral ({counts.get(name, 0):,})"
        for name in ("up", "down", "neutral")
    ]
    label = "cells" if color is None else color
    color_scatter(
        ax,
        points,
        values[cells],
        data=found.data,
        key=color or "",
        label=label,
        legend=color is not None,
        kws=scatter_kws,
    )
    if color is None:
        handles = [dot(DIRECTION_COLORS[text.split()[0]], text) for text in texts]
        handles.append(line(f"|lfc| = {given.lfc:g}\ntail probability = {given.ptp:g}"))
        outside_legend(ax, handles, label)
        ax.set_title(found.title, fontsize=TITLE)
    else:
        ax.set_title(f"{found.title}: {counts.get('up', 0):,} up, {counts.get('down', 0):,} down", fontsize=TITLE)
    wide = max(np.abs(points[:, 0]).max(initial=0), given.lfc) * 1.08
    ax.set_xlim(-wide, wide)
    ax.set_ylim(0, max(points[:, 1].max(initial=0), -np.log10(given.ptp)) * 1.08)
    ax.set_xlabel(f"log fold change of density ({found.group} − {found.reference})", fontsize=NORMAL)
    ax.set_ylabel("−log10 posterior tail probability", fontsize=NORMAL)
    despine(ax)
    if update and thresholds is not None:
        _update(found, calls, thresholds, cells)
    return finish(ax, show)


def directions(lfc: np.ndarray, tail: np.ndarray, thresholds: DAThresholdSettings) -> pd.Categorical:
    """Direction of each cell; missing where there is no fold change."""
    codes = direction(
        np.nan_to_num(lfc), np.nan_to_num(tail), lfc_threshold=thresholds.lfc, ptp_threshold=thresholds.ptp
    )
    return pd.Categorical.from_codes(np.where(np.isfinite(lfc), codes, -1), categories=list(DIRECTIONS), ordered=True)


def draw_thresholds(ax: "Axes", thresholds: DAThresholdSettings) -> None:
    """Dashed lines at both fold changes and at the tail probability."""
    style = {"color": "0.4", "linewidth": 0.8, "linestyle": "--", "zorder": 0}
    ax.axhline(-np.log10(thresholds.ptp), **style)
    for sign in (-1, 1):
        ax.axvline(sign * thresholds.lfc, **style)


def _update(found: RunData, calls: pd.Categorical, thresholds: DAThresholdSettings, cells: np.ndarray) -> None:
    """Write directions, thresholds and counts; the run keeps its number."""
    entry = found.entry("obs", "lfc_direction")
    if entry is None:
        raise LookupError(f"Run {found.run.run_id} has no direction; call `{CALL}`.")
    found.data.obs[entry["key"]] = calls
    counts = pd.Series(np.asarray(calls)[cells]).value_counts()
    summary = found.run.summary | {f"n_{name}": int(counts.get(name, 0)) for name in DIRECTIONS}
    params = found.run.params | {"lfc_threshold": thresholds.lfc, "ptp_threshold": thresholds.ptp}
    store_runs(found.data, [replace(found.run, summary=summary, params=params)])
