"""One gene on an embedding: observed, smoothed in both conditions, and the fold change."""

from typing import Any, Literal

import numpy as np
from mudata import MuData

from kompot_scverse._data.features import feature_numbers, feature_values
from kompot_scverse._data.holders import Data, split_name
from kompot_scverse._runs.find import find_view

from ._artist import check_keywords, color_scale, without_scale
from ._embedding import analysed, embedding_coordinates, embedding_frame
from ._panels import Panels
from ._scatter import color_scatter
from ._style import TITLE, finish, grid


def expression(
    data: Data,
    gene: str,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    basis: str = "umap",
    layer: str | None | Literal["run"] = "run",
    gene_symbols: str | None = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> Panels:
    """
    One gene on an embedding: observed, smoothed in both conditions, and the log fold change.

    The first three panels have one colour scale. Observed values are of the cells of both conditions; the smoothed
    functions are known at every cell.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de`.
    gene
        Name or symbol.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData.
    basis
        Embedding in obsm, with or without `X_`.
    layer
        Observed expression; by default the layer of the run. None for X.
    gene_symbols
        Var column in which the gene is looked up.
    show
        Whether to call `plt.show`.
    **scatter_kws
        For `ax.scatter`. `cmap`, `norm`, `vmin` and `vmax` (numbers or percentiles of the observed values such as
        "p99") are of the scale that the first three panels share.

    Returns
    -------
    The figure and its axes by name: observed, reference, group, fold_change.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> panels = kp.pl.expression(adata, adata.var_names[0], basis="umap")
    """
    check_keywords(expression, scatter_kws, "PathCollection")
    if mod is None and isinstance(data, MuData):
        mod = split_name(data, gene)[0] or None
    view = find_view(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    numbers = feature_numbers(view.data, gene, gene_symbols)
    points, name = embedding_coordinates(view.data, basis)
    layer = view.run.params.get("layer") if layer == "run" else layer
    observed = feature_values(view.data, numbers, layer)[:, 0]
    imputed = analysed(view, numbers, ("imputed_reference", "imputed_group"), gene)
    cells = np.logical_or(*view.conditions())
    if any(scatter_kws.get(name) is not None for name in ("norm", "vmin", "vmax")):
        shared = color_scale(observed[cells], scatter_kws, signed=False)
    else:
        # single cells are noisier than the functions, which would look flat on the cells' full range
        low, high = _shared(observed[cells], imputed)
        shared = color_scale(
            observed[cells], {"cmap": scatter_kws.get("cmap"), "vmin": low, "vmax": high}, signed=False
        )
    kws = without_scale(scatter_kws)

    axes = grid(("observed", "reference", "group", "fold_change"), 4, 3.3, 3.2)
    series = [
        (np.where(cells, observed, np.nan), "observed"),
        (imputed[0], f"smoothed, {view.reference}"),
        (imputed[1], f"smoothed, {view.group}"),
        (imputed[1] - imputed[0], f"{view.group} − {view.reference}"),
    ]
    for number, (ax, (values, title)) in enumerate(zip(axes.values(), series, strict=True)):
        last = number == 3
        color_scatter(
            ax, points, values, data=view.data, key="", label="log fold change" if last else "expression",
            signed=last, legend=number >= 2, kws=kws if last else kws | shared,
        )  # fmt: skip
        embedding_frame(ax, name, title)
    panels = Panels(axes)
    panels.figure.suptitle(gene, fontsize=TITLE + 1, fontstyle="italic")
    return finish(panels, show, view)


def _shared(observed: np.ndarray, imputed: list[np.ndarray]) -> tuple[float, float]:
    """Limits that hold the smoothed values, and the observed ones up to the 95th percentile."""
    both = np.concatenate(imputed)
    both = both[np.isfinite(both)]
    high = max(float(np.percentile(observed, 95)), float(np.percentile(both, 99.5)))
    low = min(float(np.percentile(observed, 1)), float(np.percentile(both, 0.5)))
    return low, high if high > low else low + 1.0
