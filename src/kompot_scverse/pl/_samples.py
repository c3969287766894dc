"""The samples of a run: their cells, their design, and how they are drawn in the categories."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kompot_scverse._data.design import resolve_design
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._data.sample_design import contrast_designs
from kompot_scverse._runs.sample_fits import run_mask
from kompot_scverse._runs.view import RunView
from kompot_scverse._stats.linear_model import SampleDesign

from ._style import NORMAL, SMALL, category_colors, line
from ._theme import shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ABOVE_NOTES", "Samples", "draw_strips", "samples_of", "strip_handles"]

ABOVE_NOTES = 6 + 1.4 * SMALL
"""Points between the axes and a title that stands above the notes."""
DODGE = 0.2
"""Distance of a condition from the middle of a category."""
SPREAD = 0.14
"""Half the width that the samples of a condition take."""


@dataclass(frozen=True)
class Samples:
    """Samples of a contrast that count as replicates."""

    codes: np.ndarray
    """Sample of each cell, -1 for cells that take no part."""
    is_group: np.ndarray
    """Whether a sample is of the group."""
    labels: np.ndarray
    """Labels of the samples, which those of one donor share."""
    design: SampleDesign


def samples_of(view: RunView) -> Samples:
    """Samples and design of a run that compares two conditions, as its tests had them."""
    key = view.run.params.get("sample_key")
    if key is None:
        raise LookupError(
            f"No samples of {view.name}; call `kp.tl.{view.run.analysis}(..., sample_key=...)` and draw that run."
        )
    view.check_conditions()
    with warnings.catch_warnings():
        # what samples and covariates lack was said when the run was made
        warnings.simplefilter("ignore", UserWarning)
        design = resolve_design(
            view.data,
            view.groupby,
            reference=view.reference,
            groups=view.group,
            sample_key=key,
            mask_obs=run_mask(view),
        )
        covariates = view.run.params.get("covariates") or None
        found = contrast_designs(view.data, design, covariates, paired=bool(view.run.params.get("paired")))
    assert found is not None
    members = found[0].members
    codes = np.full(len(design.samples) + 1, -1)
    codes[members] = np.arange(len(members))
    # code -1 finds the last entry
    of_cells = codes[design.sample_codes]
    labels = obs_column(view.data, key, "sample_key").astype(str).to_numpy()
    first = [int(np.flatnonzero(of_cells == number)[0]) for number in range(len(members))]
    return Samples(of_cells, design.sample_conditions[members] == 1, labels[first], found[0].matrix)


def draw_strips(
    ax: "Axes", samples: Samples, values: pd.DataFrame, view: RunView, notes: list[str], kws: dict[str, Any]
) -> None:
    """
    A point per sample and category, with a bar at the mean of each condition and a line between samples of one label.

    Parameters
    ----------
    ax
        Where.
    samples
        The samples.
    values
        Samples × categories.
    view
        The run, for the colours.
    notes
        A text over each category.
    kws
        For the points.
    """
    colors = category_colors(view.data, view.groupby, pd.Index([view.reference, view.group]))
    order = np.unique(samples.labels, return_inverse=True)[1].astype(float)
    offsets = (order - order.mean()) / max(np.ptp(order) / 2, 1) * SPREAD
    options: dict[str, Any] = {
        "marker": "o",
        "linestyle": "",
        "markersize": 4.0,
        "markeredgewidth": 0,
        "zorder": 3,
    } | kws
    table = values.to_numpy(dtype=np.float64)
    pairs = [np.flatnonzero(samples.labels == label) for label in np.unique(samples.labels)]
    for number in range(values.shape[1]):
        x, own = number + offsets + DODGE * np.where(samples.is_group, 1, -1), table[:, number]
        for side, name in ((~samples.is_group, view.reference), (samples.is_group, view.group)):
            ax.plot(x[side], own[side], **({"color": colors[name], "label": f"_{name}"} | options))
            level, center = np.nanmean(own[side]) if np.isfinite(own[side]).any() else np.nan, np.mean(x[side])
            ax.plot([center - SPREAD, center + SPREAD], [level] * 2, color=colors[name], linewidth=2.2, zorder=2)
        for pair in pairs:
            if len(pair) == 2:
                ax.plot(x[pair], own[pair], color=shade(0.6), linewidth=0.6, alpha=0.5, zorder=1, label="_pair")
    for number, note in enumerate(notes):
        ax.text(number, 1.0, note, transform=ax.get_xaxis_transform(), fontsize=SMALL - 1, ha="center", va="bottom")
    names = [str(name) for name in values.columns]
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=NORMAL)
    ax.set_xlim(-0.6, len(names) - 0.4)


def strip_handles(samples: Samples, view: RunView) -> list[Any]:
    """Entries of the legend of :func:`draw_strips`."""
    from matplotlib.lines import Line2D

    colors = category_colors(view.data, view.groupby, pd.Index([view.reference, view.group]))
    sizes = {view.reference: int((~samples.is_group).sum()), view.group: int(samples.is_group.sum())}
    handles: list[Any] = [
        Line2D([], [], color=colors[name], marker="o", markersize=4, linewidth=2.2, label=f"{name} ({n} samples)")
        for name, n in sizes.items()
    ]
    if len(np.unique(samples.labels)) < len(samples.labels):
        handles.append(line(f"same {view.run.params['sample_key']}", "-"))
    return handles
