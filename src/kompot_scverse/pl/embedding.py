"""Cells on an embedding, coloured by what a run found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_arguments, listed
from kompot_scverse._data.errors import missing
from kompot_scverse._data.frame import JointFrame
from kompot_scverse._data.holders import holder
from kompot_scverse._data.resolve import match_label, obs_column
from kompot_scverse._data.tables import column_of
from kompot_scverse._runs.history import iterate_runs
from kompot_scverse._stats.lazy_layers import lazy_average

from ._artist import check_keywords
from ._fields import (
    RunData,
    check_analysed,
    embedding_coordinates,
    feature_modality,
    find_run_data,
    gene_names,
    gene_numbers,
    smoothed,
    target,
)  # fmt: skip
from ._scatter import color_legend_width, color_scatter
from ._style import NORMAL, TITLE, finish, layout, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["embedding"]

SIGNED = ("lfc", "lfc_zscore", "neighborhood_lfc", "reference_log_ratio", "group_log_ratio")
LABELS = {
    "lfc": "log fold change\nof density",
    "lfc_zscore": "z of log fold change\nof density",
    "lfc_direction": "direction",
    "neg_log10_lfc_ptp": "−log10 posterior\ntail probability",
    "lfc_pvalue": "p of the\nreplicate test",
    "lfc_qvalue": "q of the\nreplicate test",
    "neighborhood_lfc": "effect of the\nreplicate test",
    "lfsr": "local false\nsign rate",
    "reference_log_ratio": "log density\nover mean density",
    "group_log_ratio": "log density\nover mean density",
    "reference_log_density": "log density",
    "group_log_density": "log density",
    "reference_std": "posterior SD",
    "group_std": "posterior SD",
}
GENE_LABELS = {
    "fold_change": "log fold change",
    "reference": "smoothed expression",
    "group": "smoothed expression",
    "zscore": "z of the replicate test",
}


@dataclass(frozen=True)
class _Panel:
    values: pd.Series
    title: str
    label: str
    signed: bool
    key: str


def embedding(
    data: Any,
    basis: str = "umap",
    *,
    color: str | Sequence[str] = "lfc",
    analysis: Literal["da", "de"] | None = None,
    value: Literal["fold_change", "reference", "group", "zscore"] = "fold_change",
    highlight: Mapping[str, Any] | None = None,
    run_id: int = -1,
    key: str | None = None,
    group: object = None,
    gene_symbols: str | None = None,
    mod: str | None = None,
    ncols: int = 3,
    ax: "Axes | None" = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> "Axes | list[Axes]":
    """
    Cells on an embedding, coloured by the fields of a run.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.da` or :func:`kompot_scverse.tl.de`.
    basis
        Embedding in obsm, with or without `X_`.
    color
        One or several of: a statistic of a differential abundance (`lfc`, `lfc_zscore`, `neg_log10_lfc_ptp`,
        `lfc_direction`, `lfc_pvalue`, `lfc_qvalue`, `neighborhood_lfc`, `lfsr`, `reference_log_ratio`, `group_log_ratio`, or `reference_log_density` and
        `group_log_density`), or of a differential expression
        (`reference_std`, `group_std`), a gene, or any obs column.
    analysis
        Analysis that the statistics belong to; None: the one that has them.
    value
        What is shown of a gene: its log fold change, its smoothed expression in one condition, or the z of the
        replicate test, averaged over the neighbourhoods of the cell. All are rebuilt from the run, so also after
        `kp.tl.cleanup`.
    highlight
        Obs column and its category or categories to show in colour; all other cells are grey.
    run_id, key, group
        Which run: its number (negative ones count from the end), its `key_added`, the group of its contrast.
    gene_symbols
        Var column in which genes are looked up.
    mod
        Modality of a MuData.
    ncols
        Panels per row.
    ax, show
        Axes to draw on, for one panel; whether to call `plt.show`.
    **scatter_kws
        For `ax.scatter`, for example `s`, `alpha`, `cmap` (default RdBu_r for signed values and viridis for others),
        `norm`, or `vmin` and `vmax`: numbers or percentiles such as "p1". Signed scales stay centred at zero.

    Returns
    -------
    The axes; a list if `color` is one.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> ax = kp.pl.embedding(adata, "umap", color="lfc_zscore", highlight={"branch": ["Monocyte", "HSC"]})
    """
    check_arguments(embedding, locals())
    from matplotlib.collections import PathCollection

    check_keywords(embedding, scatter_kws, PathCollection)
    colors = listed("color", color, str)
    if not colors:
        raise ValueError("`color` is empty; name at least one statistic, gene or obs column.")
    if ncols < 1:
        raise ValueError(f"`ncols` must be at least 1, not {ncols}.")
    if ax is not None and len(colors) != 1:
        raise ValueError(f"`ax=` holds one panel, but `color` names {len(colors)}.")
    own = target(data, mod)
    points, name = embedding_coordinates(own, basis)
    shown = _highlighted(own, highlight)
    which = {"run_id": run_id, "key": key, "group": group, "mod": mod}
    panels = [_panel(data, own, one, analysis, value, gene_symbols, which) for one in colors]
    legend = max(
        color_legend_width(panel.values if shown is None else panel.values[shown], panel.label) for panel in panels
    )
    axes = _grid(ax, len(panels), ncols, 3.6 + max(legend, 0.9))
    for one, panel in zip(axes, panels, strict=True):
        color_scatter(
            one, points, panel.values, data=own, key=panel.key, label=panel.label, signed=panel.signed,
            shown=shown, kws=scatter_kws,
        )  # fmt: skip
        embedding_frame(one, name, panel.title)
    return finish(axes[0] if isinstance(color, str) else axes, show)


def embedding_frame(ax: "Axes", name: str, title: str) -> None:
    """No ticks, since the coordinates mean nothing; two short axes in the corner say what they are."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_xlabel(f"{name} 1", fontsize=NORMAL, loc="left")
    ax.set_ylabel(f"{name} 2", fontsize=NORMAL, loc="bottom")
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_linewidth(0.6)
    ax.set_title(title, fontsize=TITLE)


def _grid(ax: "Axes | None", n: int, ncols: int, width: float) -> "list[Axes]":
    if n == 1:
        return [new_axes(ax, width + 0.2, 3.5)]
    import matplotlib.pyplot as plt

    columns = min(ncols, n)
    rows = -(-n // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(width * columns, 3.3 * rows), layout=layout(), squeeze=False)
    for unused in grid.ravel()[n:]:
        figure.delaxes(unused)
    return list(grid.ravel()[:n])


def _highlighted(own: Any, highlight: Mapping[str, Any] | None) -> np.ndarray | None:
    if highlight is None:
        return None
    shown = np.ones(own.n_obs, dtype=bool)
    for key, wanted in highlight.items():
        column = obs_column(own, key, "highlight")
        labels = [match_label(column, label, "highlight") for label in listed("highlight", wanted)]
        shown &= column.isin(labels).to_numpy()
    return shown


def _panel(
    data: Any, own: Any, color: str, analysis: str | None, value: str, gene_symbols: str | None, which: dict[str, Any]
) -> _Panel:
    """What to draw for one entry of `color`."""
    made_by = _analysis_of(own, color) if analysis is None else analysis
    if color in LABELS and made_by is not None:
        found = find_run_data(data, made_by, **which)
        values = found.values("obs", color, f"kp.tl.{made_by}(...)")
        role = {"reference": found.reference, "group": found.group}.get(color.split("_")[0])
        title = found.title if role is None else role
        return _Panel(_on_cells(values, found.data, own), title, LABELS[color], color in SIGNED, "")
    if hasattr(own, "var_names") and (color in gene_names(own, gene_symbols) or color in own.var_names):
        which = which | {"mod": feature_modality(data, color) if which["mod"] is None else which["mod"]}
        found = find_run_data(data, "de", **which)
        numbers = gene_numbers(found.data, color, gene_symbols)
        rebuilt = _zscore(found, numbers) if value == "zscore" else smoothed(found, numbers, value)
        if value != "zscore":  # which genes without expression lack, too
            check_analysed(rebuilt, found, color)
        values = pd.Series(rebuilt[:, 0], index=found.data.obs_names)
        values = _on_cells(values, found.data, own)
        suffix = {"reference": found.reference, "group": found.group}.get(value, found.title)
        return _Panel(values, f"{color}, {suffix}", GENE_LABELS[value], value in ("fold_change", "zscore"), "")
    if color in own.obs:
        return _Panel(column_of(own.obs, color), color, "", False, color)
    if color in LABELS:
        call = "de" if color.endswith("std") else "da"
        raise LookupError(f"No run has {color!r}; call `kp.tl.{call}` first.")
    raise missing("statistic, gene or obs column (`color`)", color, [*LABELS, *own.obs.columns, *own.var_names])


def _zscore(found: RunData, numbers: np.ndarray) -> np.ndarray:
    """The replicate test of a few genes at every cell, cells × genes."""
    if isinstance(found.data, JointFrame):
        (part, _, own), *_ = found.parts(numbers)
        return found.data.spread(_zscore(part, own), part.data.modality)
    call = 'kp.tl.de(..., sample_key="<obs column>")'
    weights = np.asarray(found.values("obsm", "neighborhoods", call))
    tested = np.asarray(found.values("varm", "neighborhood_zscore", call)[numbers])
    return np.asarray(lazy_average(weights, tested))


def _on_cells(values: pd.Series, source: Any, own: Any) -> pd.Series:
    """Values of the cells of a modality on those of the whole MuData."""
    return values if holder(source) is holder(own) else values.reindex(own.obs_names)


def _analysis_of(own: Any, statistic: str) -> str | None:
    """The analysis whose latest run wrote an obs field of this kind."""
    for run in reversed(list(iterate_runs(own))):
        if run.analysis in ("da", "de") and any(f["slot"] == "obs" and f["statistic"] == statistic for f in run.fields):
            return run.analysis
    return None
