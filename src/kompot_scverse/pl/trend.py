"""Smoothed expression along the numeric variable of a design."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed
from kompot_scverse._data.errors import missing
from kompot_scverse._data.features import feature_numbers, feature_values
from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import obs_column, obs_values
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.formula_rows import row_at, stepped
from kompot_scverse._runs.rebuild import layer_at
from kompot_scverse._runs.view import RunView

from ._artist import check_keywords
from ._panels import Panels
from ._style import NORMAL, TITLE, despine, finish, grid

POINTS = 25
"""Values of the variable at which the curve is computed."""
BAND = 1.96
MIN_CELLS = 5
"""Cells of a category that a sample needs for a point."""


def trend(
    data: Data,
    gene: str,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    variable: str | None = None,
    cell_groups: str | None = None,
    categories: str | Sequence[str] | None = None,
    gene_symbols: str | None = None,
    ncols: int = 4,
    show: bool | None = None,
    **line_kws: Any,
) -> Panels | None:
    """
    Smoothed expression of a gene along a numeric variable of the design, one panel for each category of cells.

    The curve is the smoothed expression at each value of the variable, averaged over the cells of the category; other variables are as
    in the samples, on average. (A variable that the design takes as a category, such as `C(day)`, has a point at each value instead.)
    The band is ±1.96 times the mean posterior standard deviation of these cells. Points are the mean expression of each sample's
    cells there, and thin lines join samples of one block.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de` on a :class:`kompot_scverse.Design`.
    gene
        Name or symbol.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, its effect. None of
        them: the last.
    mod
        Modality of a MuData.
    variable
        Numeric variable of the design; None if there is one only.
    cell_groups
        Obs column with the categories; None for all cells in one panel.
    categories
        Categories to draw; None for all.
    gene_symbols
        Var column in which the gene is looked up.
    ncols
        Panels side by side.
    show
        Whether to call `plt.show`.
    **line_kws
        For the curves, for example `color` or `linewidth`.

    Returns
    -------
    The figure and its axes by category.

    Examples
    --------
    >>> import pandas as pd
    >>> import kompot_scverse as kp
    >>> donors = pd.DataFrame({"age": [22.5, 31, 44, 52, 66, 75]}, index=[f"d{n}" for n in range(6)])
    >>> donors["change"] = (donors["age"] - 20) / 60
    >>> adata = kp.datasets.simulate(600, 60, samples=donors)
    >>> kp.tl.de(adata, kp.Design("~ age", test="age"), sample_key="sample", layer="logged_counts")
    >>> panels = kp.pl.trend(adata, adata.var_names[0], cell_groups="branch")
    """
    check_keywords(trend, line_kws, "Line2D", scale=False)
    views = [find_view(data, "de", run_id=-1 if run_id is None else run_id, key_added=key_added, group=group, mod=mod)]
    ((view, _, own),) = views[0].of_features(feature_numbers(views[0].data, gene, gene_symbols))
    name = _variable(view, variable)
    values = np.array(view.run.params["variables"][name], dtype=np.float64)
    # a category has no values between those of the samples
    at = np.unique(values) if name in stepped(view) else np.linspace(values.min(), values.max(), POINTS)
    rows = [row_at(view, {name: value}) for value in at]
    everything = slice(None)
    mean, std = (
        np.column_stack([layer_at(view, what, row, everything, own)[:, 0] for row in rows])
        for what in ("imputed", "std")
    )
    observed = _observed(view, own, name)
    of_category = _categories(view, cell_groups, categories)
    axes = grid(of_category, min(ncols, len(of_category)), 2.6, 2.4)
    style: dict[str, Any] = {"color": "#0072B2", "linewidth": 2.0} | line_kws
    for category, cells in of_category.items():
        ax, shown = axes[category], cells & np.isfinite(mean).all(axis=1)
        _points(ax, observed[shown], view.run.params.get("block"))
        if shown.any() and name in stepped(view):
            center, width = mean[shown].mean(axis=0), BAND * std[shown].mean(axis=0)
            marks: dict[str, Any] = {"marker": "o", "linestyle": "", "capsize": 3} | style
            ax.errorbar(at, center, width, **marks)
        elif shown.any():
            center, width = mean[shown].mean(axis=0), BAND * std[shown].mean(axis=0)
            ax.fill_between(at, center - width, center + width, color=style["color"], alpha=0.2, linewidth=0)
            ax.plot(at, center, **style)
        ax.set_title(f"{gene}, {category}" if category else gene, fontsize=TITLE)
        ax.set_xlabel(name, fontsize=NORMAL)
        ax.set_ylabel("log expression", fontsize=NORMAL)
        despine(ax)
    return finish(Panels(axes), show, view)


def _variable(view: RunView, variable: str | None) -> str:
    """The numeric variable to draw along."""
    if view.effect is None or "variables" not in view.run.params:
        raise ValueError(f"`kp.pl.trend` draws runs of a design; {view.name} compares two conditions.")
    params = view.run.params
    numeric = [name for name in params["variables"] if name not in params["categories"]]
    if variable is not None:
        if variable not in numeric:
            raise missing("numeric variable of the design (`variable`)", variable, numeric)
        return variable
    if len(numeric) != 1:
        raise ValueError(
            f"The design {view.groupby!r} has {len(numeric)} numeric variables ({', '.join(numeric)}); pass `variable=`."
        )
    return numeric[0]


def _observed(view: RunView, own: np.ndarray, name: str) -> pd.DataFrame:
    """Expression, sample, block and value of the variable of every cell."""
    params = view.run.params
    table = pd.DataFrame({"y": feature_values(view.data, own, params.get("layer"))[:, 0]})
    table["x"] = obs_values(view.data, name, "variable").to_numpy(dtype=np.float64)
    key = params.get("sample_key")
    table["sample"] = (
        table["x"].astype(str) if key is None else obs_values(view.data, key, "sample_key").astype(str).to_numpy()
    )
    block = params.get("block")
    table["block"] = table["sample"] if block is None else obs_values(view.data, block, "block").astype(str).to_numpy()
    return table


def _categories(view: RunView, cell_groups: str | None, chosen: str | Sequence[str] | None) -> dict[str, np.ndarray]:
    """Cells of each category."""
    if cell_groups is None:
        return {"": np.ones(view.data.n_obs, dtype=bool)}
    column = obs_column(view.data, cell_groups, "cell_groups")
    names = [str(name) for name in column.cat.categories]
    wanted = names if chosen is None else [str(one) for one in listed("categories", chosen)]
    for one in wanted:
        if one not in names:
            raise missing(f"category of obs[{cell_groups!r}] (`categories`)", one, names)
    return {one: (column.astype(str) == one).to_numpy() for one in wanted}


def _points(ax: Any, cells: pd.DataFrame, block: str | None) -> None:
    """The samples, and lines between those of one block."""
    found = cells.groupby("sample").agg(x=("x", "first"), y=("y", "mean"), block=("block", "first"), n=("y", "size"))
    found = found[found["n"] >= MIN_CELLS].sort_values("x")
    if block is not None:
        for _, own in found.groupby("block"):
            ax.plot(own["x"], own["y"], color="0.75", linewidth=0.8, zorder=1)
    ax.plot(found["x"], found["y"], "o", color="0.35", markersize=3.5, zorder=2)
