"""Numbers of differentially expressed genes by category."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kompot_scverse._arguments import check_fraction
from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view

from ._artist import check_keywords
from ._categories import drawn_categories
from ._style import DOWN, SMALL, UP, dot, finish, name_axes, name_rows, new_axes, outside_legend
from ._theme import shade


def gene_barplot(
    data: Data,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    max_fdr: float | None = None,
    min_lfc: float = 0.0,
    order: Sequence[object] | None = None,
    exclude: object | Sequence[object] = (),
    ax: Axes | None = None,
    show: bool | None = None,
    **bar_kws: Any,
) -> Axes:
    """
    Numbers of genes that go up and down in each category of the run's `cell_groups`.

    Genes count by the q-value of the replicate test within the category. Categories with more cells have more power, so
    the numbers compare what was found and not how much changes.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de` with `cell_groups` and `sample_key`.
    run_id, key_added, group
        Which run: its number (negative ones count from the end), its prefix, the group of its contrast. None: the last.
    mod
        Modality of a MuData.
    max_fdr
        Largest q-value of a gene that counts; None for that of the run.
    min_lfc
        Least absolute mean log fold change in the category.
    order
        Categories from top to bottom; None sorts by the number of genes.
    exclude
        Categories to leave out.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **bar_kws
        For `ax.barh`, for example `alpha` or `edgecolor`.

    Returns
    -------
    The axes; genes that go down are to the left. Categories with too few cells for a test are left out.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> options = {"layer": "logged_counts", "sample_key": "Replicate", "cell_groups": "branch"}
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", **options)
    >>> ax = kp.pl.gene_barplot(adata, max_fdr=0.2)
    """
    check_keywords(gene_barplot, bar_kws, "Rectangle", scale=False)
    if max_fdr is not None:
        check_fraction("max_fdr", max_fdr)
    view = find_view(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    view.check_one_modality()
    q, change = view.read("group_qvalue"), view.read("group_mean_lfc")
    level = view.run.params["fdr_threshold"] if max_fdr is None else max_fdr
    called = (q <= level) & (change.abs() >= min_lfc)
    counts = pd.DataFrame({"down": (called & (change < 0)).sum(), "up": (called & (change > 0)).sum()})[q.notna().any()]
    column = pd.Series(pd.Categorical(counts.index), name=view.run.params["cell_groups"])
    ranked = counts.sum(axis=1).sort_values(ascending=False, kind="stable").index
    names = drawn_categories(column, ranked, order=order, exclude=exclude)
    counts = counts.loc[names]

    longest = max(len(str(name)) for name in names)
    ax = new_axes(ax, 4.6 + 0.08 * longest, 1.0 + 0.28 * len(names))
    rows = np.arange(len(names))
    for direction, sign, color in (("down", -1, DOWN), ("up", 1, UP)):
        lengths = counts[direction].to_numpy()
        options: dict[str, Any] = {"color": color, "height": 0.75, "linewidth": 0, "label": direction} | bar_kws
        ax.barh(rows, sign * lengths, **options)
        for row, length in zip(rows, lengths, strict=True):
            ax.annotate(
                f"{length:,}", (sign * length, row), xytext=(3 * sign, 0), textcoords="offset points", fontsize=SMALL,
                ha="left" if sign > 0 else "right", va="center",
            )  # fmt: skip
    ax.axvline(0, color=shade(0.6), linewidth=0.6)
    bound = 1.25 * max(counts.to_numpy().max(initial=0), 1)
    ax.set_xlim(-bound, bound)
    ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    rule = f"q ≤ {level:g}" + (f", |lfc| ≥ {min_lfc:g}" if min_lfc > 0 else "")
    name_axes(ax, title=view.title, x=f"genes with {rule}")
    name_rows(ax, [str(name) for name in names])
    texts = view.directions
    outside_legend(ax, [dot(UP, texts["up"]), dot(DOWN, texts["down"])])
    return finish(ax, show, view)
