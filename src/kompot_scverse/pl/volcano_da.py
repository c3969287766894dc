"""Volcano plot of a differential abundance."""

from typing import Any, Literal

from matplotlib.axes import Axes

from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view

from ._artist import check_keywords
from ._da import AXIS, da_points, draw_thresholds
from ._da_levels import draw_levels
from ._scatter import color_legend_width, color_scatter
from ._style import finish, name_axes, new_axes, outside_legend


def volcano_da(
    data: Data,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    color: str | None = None,
    y: Literal["tail", "qvalue"] | None = None,
    max_fdr: float | None = None,
    max_ptp: float | None = None,
    min_lfc: float | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> Axes:
    """
    Log fold change of the density at every cell of the contrast against its significance.

    For an effect with several coefficients, x is the largest difference between levels, and the colour is the level at which cells of
    this state are most abundant.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.da`.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData.
    color
        Obs column: categories in their stored colours, or numbers. None: the direction (up, neutral, down).
    y
        −log10 of the posterior tail probability, or of the q-value between replicates. None: the one that the
        directions rest on, q where the run has a `sample_key`.
    max_fdr, max_ptp, min_lfc
        Other thresholds than those of the run, for the plot only: on the q-value of the replicate test or, without
        replicates, on the posterior tail probability, and on the absolute log fold change (natural log).
        :func:`kompot_scverse.tl.threshold_da` writes the directions that they give.
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
    check_keywords(volcano_da, scatter_kws, "PathCollection")
    view = find_view(data, "da", run_id=run_id, key_added=key_added, group=group, mod=mod)
    if view.omnibus:
        for name, given in (("color", color), ("y", y), ("max_ptp", max_ptp), ("min_lfc", min_lfc)):
            if given is not None:
                raise ValueError(
                    f"`{name}={given!r}` is for effects with a direction; {view.name} tests several coefficients together."
                )
        return draw_levels(view, max_fdr, ax, show, scatter_kws)
    points = da_points(view, y, max_fdr=max_fdr, max_ptp=max_ptp, min_lfc=min_lfc)
    values, counts = points.colors(view.data, color), points.counts()

    label = "cells" if color is None else color
    legend = 1.7 if color is None else color_legend_width(values[points.cells], label)
    ax = new_axes(ax, 4.7 + max(legend, 1.0), 4.2)
    draw_thresholds(ax, points)
    color_scatter(
        ax, points.xy, values[points.cells], data=view.data, key=color or "", label=label, legend=color is not None,
        kws=scatter_kws,
    )  # fmt: skip
    title = view.title
    if color is None:
        outside_legend(ax, points.legend(view.directions), label)
    else:
        title = f"{title}: {counts['up']:,} up, {counts['down']:,} down"
    wide, high = points.limits()
    ax.set_xlim(-wide, wide)
    ax.set_ylim(0, high)
    name_axes(ax, title=title, x=f"log fold change of density ({view.difference})", y=AXIS[points.y])
    return finish(ax, show, view)
