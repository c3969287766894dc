"""Shares of the cells of each sample in categories, with the test between samples."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.run_samples import category_counts, category_rates, samples_of

from ._artist import check_keywords
from ._categories import drawn_categories
from ._samples import ABOVE_NOTES, LEVEL, draw_strips, strip_handles
from ._style import TITLE, finish, name_axes, new_axes, outside_legend


def proportions(
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
    **line_kws: Any,
) -> Axes:
    """
    Share of each sample's cells in every category, with the q-value of the difference between the conditions.

    The test is that of :func:`kompot_scverse.tl.da` between samples, with the categories in the place of neighbourhoods:
    logits of the shares, the design of the run with its pairs and covariates, and moderated variances. It looks at whole
    categories, and so says nothing of a change within one.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.da` with `sample_key`.
    cell_groups
        Obs column of the categories.
    run_id, key_added, group
        Which run: its number (negative ones count from the end), its prefix, the group of its contrast. None: the last.
    mod
        Modality of a MuData.
    order
        Categories from left to right; None sorts by size, largest first.
    exclude
        Categories to leave out of the plot; they count as cells.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **line_kws
        For the points, for example `markersize` or `alpha`.

    Returns
    -------
    The axes. Bars are the means of the samples; lines join samples of both conditions with the same label.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old", sample_key="Replicate")
    >>> ax = kp.pl.proportions(adata, "celltype")
    """
    check_keywords(proportions, line_kws, "Line2D", scale=False)
    view = find_view(data, "da", run_id=run_id, key_added=key_added, group=group, mod=mod)
    samples, column = samples_of(view), obs_column(view.data, cell_groups, "cell_groups")
    counts = category_counts(samples, column)
    q = category_rates(samples, counts)
    by_size = counts.sum().sort_values(ascending=False, kind="stable").index
    names = drawn_categories(column, by_size, order=order, exclude=exclude)
    shares = counts.div(counts.sum(axis=1), axis=0)[names]

    longest = max(len(str(name)) for name in names)
    ax = new_axes(
        ax,
        3.0 + (0.5 + 0.01 * min(len(samples.labels), 20) + LEVEL * (len(samples.levels) - 2)) * len(names),
        2.9 + 0.06 * longest,
    )
    draw_strips(ax, samples, shares, view, [_note(q[name]) for name in names], line_kws)
    ax.set_ylim(bottom=0)
    name_axes(ax, title="", x="", y="share of the sample's cells")
    ax.set_title(view.title, fontsize=TITLE, pad=ABOVE_NOTES)
    outside_legend(ax, strip_handles(samples, view), samples.variable)
    return finish(ax, show, view)


def _note(q: float) -> str:
    if not np.isfinite(q):
        return "few cells"
    return f"q={q:.2g}"
