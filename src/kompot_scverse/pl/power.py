"""Expected power by number of samples."""

import matplotlib as mpl
import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_at_least
from kompot_scverse._data.errors import missing

from ._panels import Panels
from ._style import NORMAL, TITLE, despine, finish, grid, outside_legend
from ._theme import shade

ENOUGH = 0.8
"""Power at which a line is drawn, the one that studies are planned for by custom."""
TITLES = {"all": "all genes", "low": "low expression", "middle": "middle expression", "high": "high expression"}


def power(data: pd.DataFrame, *, ncols: int = 4, show: bool | None = None) -> Panels:
    """
    Expected power against the number of samples, a line for each change, a panel for each level of expression or category of cells.

    Parameters
    ----------
    data
        The table that :func:`kompot_scverse.pp.power` returns, or some of its rows.
    ncols
        Panels per row.
    show
        Whether to call `plt.show`.

    Returns
    -------
    The figure and its axes by level or category. Bands are two standard errors of the simulation; the dashed line is at 0.8.

    Raises
    ------
    KeyError
        If columns are missing.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> table = kp.pp.power(adata, n_samples=[3, 6], lfc=0.5, n_studies=1)
    >>> panels = kp.pl.power(table)
    """
    check_at_least(1, ncols=ncols)
    if not isinstance(data, pd.DataFrame):
        raise TypeError("`kp.pl.power` draws the table that `kp.pp.power(data, ...)` returns: pass that.")
    by = "cell_group" if "cell_group" in data else "level"
    for name in ("n_samples", "lfc", "power", "std_error", by):
        if name not in data:
            raise missing("column of the table", name, data.columns)
    if data.empty:
        raise ValueError("The table has no rows.")
    names = list(dict.fromkeys(data[by].astype(str)))
    axes = grid(names, min(ncols, len(names)), 3.0, 2.9)
    changes, sizes = sorted(data["lfc"].unique()), sorted(data["n_samples"].unique())
    colors = _colors(len(changes))
    for number, (name, ax) in enumerate(axes.items()):
        panel = data[data[by].astype(str) == name]
        for change, color in zip(changes, colors, strict=True):
            own = panel[panel["lfc"] == change].sort_values("n_samples")
            x, y, error = (own[column].to_numpy(dtype=float) for column in ("n_samples", "power", "std_error"))
            half = 2 * np.nan_to_num(error)
            ax.fill_between(x, np.clip(y - half, 0, 1), np.clip(y + half, 0, 1), color=color, alpha=0.2, linewidth=0)
            ax.plot(x, y, marker="o", markersize=4, linewidth=1.4, color=color, label=f"{change:g}", clip_on=False)
        ax.axhline(ENOUGH, color=shade(0.6), linewidth=0.8, linestyle="--", zorder=0)
        ax.set_ylim(0, 1)
        ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
        ax.set_title(_title(panel, name, by), fontsize=TITLE)
        if number % min(ncols, len(names)) == 0:
            ax.set_ylabel("expected power", fontsize=NORMAL)
        ax.set_xlabel("samples in each condition", fontsize=NORMAL)
        despine(ax)
    last = list(axes.values())[min(ncols, len(names)) - 1]
    outside_legend(last, last.get_legend_handles_labels()[0][::-1], "log fold change\n(natural log)")
    if "title" in data.attrs:
        last.figure.suptitle(f"{data.attrs['title']}, FDR {data.attrs['fdr']:g}", fontsize=TITLE)
    return finish(Panels(axes), show)


def _title(panel: pd.DataFrame, name: str, by: str) -> str:
    if by == "level":
        return TITLES.get(name, name)
    return f"{name} ({panel['share'].iloc[0]:.0%})".replace("%", " %") if "share" in panel else name


def _colors(n: int) -> list[object]:
    """From light to dark."""
    return [mpl.colormaps["viridis_r"](place) for place in np.linspace(0.2, 0.9, n)]
