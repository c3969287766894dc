"""One gene on an embedding: observed, smoothed in both conditions, and the fold change."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kompot_scverse._arguments import check_arguments

from ._artist import check_keywords, color_scale, without_scale
from ._fields import (
    check_analysed,
    embedding_coordinates,
    feature_modality,
    find_run_data,
    gene_numbers,
    gene_values,
    smoothed,
)
from ._scatter import color_scatter
from ._style import TITLE, finish, layout
from .embedding import embedding_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ExpressionPanels", "expression"]


@dataclass(frozen=True)
class ExpressionPanels:
    """The four panels."""

    observed: "Axes"
    reference: "Axes"
    group: "Axes"
    fold_change: "Axes"


def expression(
    data: Any,
    gene: str,
    *,
    basis: str = "umap",
    layer: str | None | Literal["run"] = "run",
    run_id: int = -1,
    key: str | None = None,
    group: object = None,
    gene_symbols: str | None = None,
    mod: str | None = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> ExpressionPanels:
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
    basis
        Embedding in obsm, with or without `X_`.
    layer
        Observed expression; by default the layer of the run. None for X.
    run_id, key, group
        Which run: its number (negative ones count from the end), its `key_added`, the group of its contrast.
    gene_symbols
        Var column in which the gene is looked up.
    mod
        Modality of a MuData.
    show
        Whether to call `plt.show`.
    **scatter_kws
        For `ax.scatter`. `cmap`, `norm`, `vmin` and `vmax` (numbers or percentiles of the observed values such as
        "p99") are of the scale that the first three panels share.

    Returns
    -------
    The axes by name.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> panels = kp.pl.expression(adata, adata.var_names[0], basis="umap")
    """
    check_arguments(expression, locals())
    from matplotlib.collections import PathCollection

    check_keywords(expression, scatter_kws, PathCollection)
    mod = feature_modality(data, gene) if mod is None else mod
    found = find_run_data(data, "de", run_id=run_id, key=key, group=group, mod=mod)
    numbers = gene_numbers(found.data, gene, gene_symbols)
    points, name = embedding_coordinates(found.data, basis)
    layer = found.run.params.get("layer") if layer == "run" else layer
    observed = gene_values(found.data, numbers, layer)[:, 0]
    imputed = [smoothed(found, numbers, role)[:, 0] for role in ("reference", "group")]
    check_analysed(np.stack(imputed), found, gene)
    cells = np.logical_or(*found.conditions())
    if any(scatter_kws.get(name) is not None for name in ("norm", "vmin", "vmax")):
        shared = color_scale(observed[cells], scatter_kws, signed=False)
    else:
        # single cells are noisier than the functions, which would look flat on the cells' full range
        low, high = _shared(observed[cells], imputed)
        shared = color_scale(
            observed[cells], {"cmap": scatter_kws.get("cmap"), "vmin": low, "vmax": high}, signed=False
        )
    kws = without_scale(scatter_kws)

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(13.2, 3.2), layout=layout())
    series = [
        (np.where(cells, observed, np.nan), "observed"),
        (imputed[0], f"smoothed, {found.reference}"),
        (imputed[1], f"smoothed, {found.group}"),
        (imputed[1] - imputed[0], f"{found.group} − {found.reference}"),
    ]
    for number, (ax, (values, title)) in enumerate(zip(axes, series, strict=True)):
        last = number == 3
        color_scatter(
            ax, points, values, data=found.data, key="", label="log fold change" if last else "expression",
            signed=last, legend=number >= 2, kws=kws if last else kws | shared,
        )  # fmt: skip
        embedding_frame(ax, name, title)
    figure.suptitle(gene, fontsize=TITLE + 1, fontstyle="italic")
    return finish(ExpressionPanels(*axes), show)


def _shared(observed: np.ndarray, imputed: list[np.ndarray]) -> tuple[float, float]:
    """Limits that hold the smoothed values, and the observed ones up to the 95th percentile."""
    both = np.concatenate(imputed)
    both = both[np.isfinite(both)]
    high = max(float(np.percentile(observed, 95)), float(np.percentile(both, 99.5)))
    low = min(float(np.percentile(observed, 1)), float(np.percentile(both, 0.5)))
    return low, high if high > low else low + 1.0
