"""Volcano plot of a differential abundance."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Literal

from kompot_scverse._arguments import check_arguments
from kompot_scverse._data.holders import holder
from kompot_scverse._results.da_fields import THRESHOLDS
from kompot_scverse._runs.history import store_runs
from kompot_scverse.settings import TestSettings

from ._artist import check_keywords
from ._da import AXIS, CALL, DAPoints, da_points, draw_thresholds
from ._fields import RunData, find_run_data
from ._scatter import color_legend_width, color_scatter
from ._style import NORMAL, TITLE, despine, finish, new_axes, outside_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["volcano_da"]


def volcano_da(
    data: Any,
    *,
    run_id: int = -1,
    key: str | None = None,
    group: object = None,
    color: str | None = None,
    y: Literal["tail", "qvalue"] | None = None,
    test: TestSettings | None = None,
    update: bool = False,
    mod: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> "Axes":
    """
    Log fold change of the density at every cell of the contrast against its significance.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.da`.
    run_id, key, group
        Which run: its number (negative ones count from the end), its `key_added`, the group of its contrast.
    color
        Obs column: categories in their stored colours, or numbers. None: the direction (up, neutral, down).
    y
        −log10 of the posterior tail probability, or of the q-value between replicates. None: the one that the
        directions rest on, q where the run has a `sample_key`.
    test
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
    check_arguments(volcano_da, locals())
    from matplotlib.collections import PathCollection

    check_keywords(volcano_da, scatter_kws, PathCollection)
    found = find_run_data(data, "da", run_id=run_id, key=key, group=group, mod=mod)
    if update and test is None:
        raise ValueError("`update=True` writes new thresholds; pass them as `test=kp.TestSettings(...)`.")
    points = da_points(found, test, y)
    values, counts = points.colors(found, color), points.counts()

    label = "cells" if color is None else color
    legend = 1.7 if color is None else color_legend_width(values[points.cells], label)
    ax = new_axes(ax, 4.7 + max(legend, 1.0), 4.2)
    draw_thresholds(ax, points)
    color_scatter(
        ax, points.xy, values[points.cells], data=found.data, key=color or "", label=label, legend=color is not None,
        kws=scatter_kws,
    )  # fmt: skip
    if color is None:
        outside_legend(ax, points.legend(found.group), label)
        ax.set_title(found.title, fontsize=TITLE)
    else:
        ax.set_title(f"{found.title}: {counts['up']:,} up, {counts['down']:,} down", fontsize=TITLE)
    wide, high = points.limits()
    ax.set_xlim(-wide, wide)
    ax.set_ylim(0, high)
    ax.set_xlabel(f"log fold change of density ({found.group} − {found.reference})", fontsize=NORMAL)
    ax.set_ylabel(AXIS[points.y], fontsize=NORMAL)
    despine(ax)
    if update and test is not None:
        _update(found, points)
    return finish(ax, show)


def _update(found: RunData, points: DAPoints) -> None:
    """Write directions, thresholds and counts; the run keeps its number."""
    entry = found.entry("obs", "lfc_direction")
    if entry is None:
        raise LookupError(f"Run {found.run.run_id} has no direction; call `{CALL}`.")
    holder(found.data).obs[entry["key"]] = points.calls.array
    summary = found.run.summary | {f"n_{name}": number for name, number in points.counts().items()}
    given, names = asdict(points.test), THRESHOLDS[points.rule == "qvalue"]
    params = found.run.params | {key: given[name] for name, key in names.items()}
    # a run that was made on a modality alone is recorded only there
    where = found.data if found.run.mod else holder(found.data)
    store_runs(where, [replace(found.run, summary=summary, params=params)])
