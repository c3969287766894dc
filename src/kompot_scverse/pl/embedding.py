"""Cells on an embedding, coloured by what a run found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kompot_scverse._arguments import check_at_least, listed
from kompot_scverse._data.errors import missing
from kompot_scverse._data.features import feature_names, feature_numbers
from kompot_scverse._data.frame import frame_of
from kompot_scverse._data.holders import Data, holder, split_name, whole
from kompot_scverse._data.resolve import match_label, obs_column
from kompot_scverse._data.tables import column_of
from kompot_scverse._runs.find import all_views, find_view
from kompot_scverse._runs.rebuild import smoothed
from kompot_scverse._runs.view import RunView

from ._artist import check_keywords
from ._embedding import analysed, embedding_coordinates, embedding_frame
from ._panels import Panels
from ._scatter import color_legend_width, color_scatter
from ._style import finish, grid, new_axes
from ._values import some_values

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
    "largest_lfc": "largest difference\nof log density",
    "neighborhood_largest_lfc": "largest difference,\nreplicate test",
    "highest": "level of highest\ndensity",
    "reference_std": "posterior SD",
    "group_std": "posterior SD",
}
OF_CELLS = ("largest_lfc", "neighborhood_largest_lfc", "highest")
"""Those that a differential expression has of genes."""
LAYERS = {
    "fold_change": ("fold_change", "log fold change"),
    "reference": ("imputed_reference", "smoothed expression"),
    "group": ("imputed_group", "smoothed expression"),
    "zscore": ("lfc_zscore", "z of the replicate test"),
}
"""Layer of each value of a gene, and what it is called."""


@dataclass(frozen=True)
class _Panel:
    values: pd.Series
    title: str
    label: str
    signed: bool = False
    key: str = ""
    """Obs column whose palette is used."""
    view: RunView | None = None
    unsupported: np.ndarray | None = None
    """Cells whose values are extrapolated."""


def embedding(
    data: Data,
    basis: str = "umap",
    *,
    analysis: Literal["da", "de"] | None = None,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    color: str | Sequence[str] = "lfc",
    value: Literal["fold_change", "reference", "group", "zscore"] = "fold_change",
    highlight: Mapping[str, Any] | None = None,
    gene_symbols: str | None = None,
    ncols: int = 3,
    ax: Axes | None = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> Axes | Panels:
    """
    Cells on an embedding, coloured by the fields of a run.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.da` or :func:`kompot_scverse.tl.de`.
    basis
        Embedding in obsm, with or without `X_`.
    analysis
        Analysis that the statistics belong to; None: the one that has them.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData.
    color
        One or several of: a statistic of a differential abundance (`lfc`, `lfc_zscore`, `neg_log10_lfc_ptp`,
        `lfc_direction`, `lfc_pvalue`, `lfc_qvalue`, `neighborhood_lfc`, `lfsr`, of levels `largest_lfc` and `highest`, `reference_log_ratio`, `group_log_ratio`, or `reference_log_density` and
        `group_log_density`), or of a differential expression
        (`reference_std`, `group_std`), a gene, or any obs column.
    value
        What is shown of a gene: its log fold change, its smoothed expression in one condition, or the z of the
        replicate test, averaged over the neighbourhoods of the cell. All are rebuilt from the run, so also after
        `kp.tl.cleanup`.
    highlight
        Obs column and its category or categories to show in colour; all other cells are grey.
    gene_symbols
        Var column in which genes are looked up.
    ncols
        Panels per row.
    ax, show
        Axes to draw on, for one panel; whether to call `plt.show`.
    **scatter_kws
        For `ax.scatter`, for example `s`, `alpha`, `cmap` (default RdBu_r for signed values and viridis for others),
        `norm`, or `vmin` and `vmax`: numbers or percentiles such as "p1". Signed scales stay centred at zero.

    Returns
    -------
    The axes; if `color` is a list, the figure and its axes by color. Of the log fold change and z of genes, cells with a support below
    0.1 are grey: one condition has hardly any cells there.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> ax = kp.pl.embedding(adata, "umap", color="lfc_zscore", highlight={"branch": ["Monocyte", "HSC"]})
    """
    check_keywords(embedding, scatter_kws, "PathCollection")
    colors = listed("color", color, str)
    if not colors:
        raise ValueError("`color` is empty; name at least one statistic, gene or obs column.")
    check_at_least(1, ncols=ncols)
    if ax is not None and len(colors) != 1:
        raise ValueError(f"`ax=` holds one panel, but `color` names {len(colors)}.")
    own = frame_of(data, mod)
    points, name = embedding_coordinates(own, basis)
    shown = _highlighted(own, highlight)
    which = {"run_id": run_id, "key_added": key_added, "group": group, "mod": mod}
    panels = {one: _panel(data, own, one, analysis, value, gene_symbols, which) for one in colors}
    legend = max(
        color_legend_width(panel.values if shown is None else panel.values[shown], panel.label)
        for panel in panels.values()
    )
    width = 3.6 + max(legend, 0.9)
    if len(panels) == 1:
        axes = {colors[0]: new_axes(ax, width + 0.2, 3.5)}
    else:
        axes = grid(panels, min(ncols, len(panels)), width, 3.3)
    for one, panel in panels.items():
        color_scatter(
            axes[one], points, panel.values, data=own, key=panel.key, label=panel.label, signed=panel.signed, on_data=True,
            shown=shown, unsupported=panel.unsupported, kws=scatter_kws,
        )  # fmt: skip
        embedding_frame(axes[one], name, panel.title)
    views = [panel.view for panel in panels.values() if panel.view is not None]
    return finish(axes[color] if isinstance(color, str) else Panels(axes), show, *views)


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
    made_by = analysis
    if color in LABELS and analysis is None:
        made_by = "da" if color in OF_CELLS else _analysis_of(data, which["mod"], color)
    if color in LABELS and made_by is not None:
        view = find_view(data, made_by, **which)
        values = _on_cells(some_values(view, color), view.data, own)
        role = view.roles.get(color.split("_")[0])
        return _Panel(values, view.title if role is None else role, LABELS[color], color in SIGNED, view=view)
    if hasattr(own, "var_names") and (color in feature_names(own, gene_symbols) or color in own.var_names):
        if which["mod"] is None and whole(own) is not own:
            which = which | {"mod": split_name(whole(own), color)[0] or None}
        view = find_view(data, "de", **which)
        number, (layer, label) = feature_numbers(view.data, color, gene_symbols), LAYERS[value]
        if value == "zscore":  # which genes without expression lack, too
            rebuilt = smoothed(view, number, layer)[:, 0]
        else:
            rebuilt = analysed(view, number, (layer,), color)[0]
        values = _on_cells(pd.Series(rebuilt, index=view.data.obs_names), view.data, own)
        suffix = view.roles.get(value, view.title)
        compared = value in ("fold_change", "zscore")
        unsupported = _unsupported(view, own) if compared else None
        return _Panel(values, f"{color}, {suffix}", label, compared, view=view, unsupported=unsupported)
    if color in own.obs:
        return _Panel(column_of(own.obs, color), color, "", key=color)
    if color in LABELS:
        call = "de" if color.endswith("std") else "da"
        raise LookupError(f"No run has {color!r}; call `kp.tl.{call}` first.")
    raise missing("statistic, gene or obs column (`color`)", color, [*LABELS, *own.obs.columns, *own.var_names])


def _unsupported(view: RunView, own: Any) -> np.ndarray | None:
    cells = view.unsupported()
    if cells is None:
        return None
    return _on_cells(pd.Series(cells.astype(float), index=view.data.obs_names), view.data, own).to_numpy() > 0


def _on_cells(values: pd.Series, source: Any, own: Any) -> pd.Series:
    """Values of the cells of a modality on those of the whole MuData."""
    return values if holder(source) is holder(own) else values.reindex(own.obs_names)


def _analysis_of(data: Any, mod: str | None, statistic: str) -> str | None:
    """The analysis whose latest run wrote a statistic."""
    views = (view for view in reversed(all_views(data, mod)) if view.run.analysis in ("da", "de"))
    return next((view.run.analysis for view in views if view.has(statistic)), None)
