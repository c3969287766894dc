"""Whether the assumptions behind a run hold."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import all_views, find_view
from kompot_scverse._runs.view import RunView

from ._artist import check_keywords
from ._diagnostics import fitted_panel, histogram_panel, null_panel, qq_panel, residual_panel, zscore_panel
from ._panels import Panels
from ._style import TITLE, finish, grid
from ._values import some_numbers

PER_ROW = 3


def diagnostics(
    data: Data,
    *,
    analysis: Literal["de", "da"] | None = None,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> Panels:
    """
    Panels that show whether the assumptions behind a run hold.

    Of a differential expression:

    - `distances`: Mahalanobis distances of the genes and of the null genes (times the estimated share of null genes),
      with the local false discovery rate. Genes left of the nulls' peak would mean that shuffling removes too much.
    - `fit`: empirical p-values of the genes (share of null genes with a larger distance), and the decreasing density fitted to
      them. The local false discovery rate is π₀ over this density, which should come down to π₀ on the right.
    - `pvalues`, `qq`: p-values of the replicate test or, without replicates, of the test of the cells. Where few genes change they are flat and on the diagonal; λ is
      the genomic inflation factor, the median χ² over its median under the null: 1 for an exact test of genes without change.

    Of a differential abundance:

    - `zscores`: log fold change over its posterior standard deviation, at the cells of the contrast. Cells are not
      independent, so the normal curve is a scale and not a test.
    - `pvalues`, `qq`: p-values of the replicate test at the cells; neighbouring cells share them, so there is no band.

    Of both, `residual`: prior variance that the low-rank basis leaves out at each cell, relative to the mean prior variance. Cells
    far to the right of `rtol` are described badly; raise `n_landmarks`.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de` or :func:`kompot_scverse.tl.da`.
    analysis
        Which of them; None for the latest run of either.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData.
    show
        Whether to call `plt.show`.
    **scatter_kws
        Further arguments of the points of the QQ plot, for example `s=2`.

    Returns
    -------
    The figure and its axes by name.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> sorted(kp.pl.diagnostics(adata).axes)
    ['pvalues', 'qq', 'residual']
    """
    check_keywords(diagnostics, scatter_kws, "PathCollection", scale=False)
    kind = _analysis(data, analysis, run_id, mod)
    view = find_view(data, kind, run_id=run_id, key_added=key_added, group=group, mod=mod)
    panels = (_de_panels if kind == "de" else _da_panels)(view, scatter_kws)
    axes = grid(panels, {1: 1, 2: 2, 4: 2}.get(len(panels), PER_ROW), 3.9, 3.1)
    for name, draw in panels.items():
        draw(axes[name])
    drawn, text = Panels(axes), {"de": "differential expression", "da": "differential abundance"}[kind]
    drawn.figure.suptitle(f"{view.title}, {text} (run {view.run.run_id})", fontsize=TITLE + 1)
    return finish(drawn, show, view)


def _analysis(data: Any, analysis: str | None, run_id: int | None, mod: str | None) -> str:
    """The analysis asked for, or that of the run meant."""
    runs = [view.run for view in all_views(data, mod) if view.run.analysis in ("de", "da")]
    if analysis is not None or not runs:
        return analysis or "de"
    return next((run.analysis for run in runs if run.run_id == run_id), runs[-1].analysis)


def _de_panels(view: RunView, scatter_kws: dict[str, Any]) -> dict[str, Callable[[Axes], Any]]:
    panels: dict[str, Callable[[Axes], Any]] = {}
    if view.has("mahalanobis_local_fdr"):
        distance = some_numbers(view, "mahalanobis")
        rate = some_numbers(view, "mahalanobis_local_fdr")
        null, share = np.array(_stored(view, "null_quantiles")), view.run.summary["null_share"]
        panels["distances"] = lambda ax: null_panel(ax, distance, null, share, rate)
        panels["fit"] = lambda ax: fitted_panel(ax, distance, null, share, rate)
    name = "pvalue" if view.has("pvalue") else "pvalue_cells"
    if view.has(name):
        p = view.numbers(name)
        title = "replicate test" if name == "pvalue" else "test of the cells"
        # of a matrix of zeros no gene has one
        if np.isfinite(p).any():
            panels["pvalues"] = lambda ax: histogram_panel(ax, p, title, "genes")
            panels["qq"] = lambda ax: qq_panel(ax, p, band=True, **scatter_kws)
    return panels | _residual(view)


def _da_panels(view: RunView, scatter_kws: dict[str, Any]) -> dict[str, Callable[[Axes], Any]]:
    cells = np.logical_or(*view.conditions())
    z = some_numbers(view, "lfc_zscore")[cells]
    panels: dict[str, Callable[[Axes], Any]] = {"zscores": lambda ax: zscore_panel(ax, z)}
    if view.has("lfc_pvalue"):
        p = some_numbers(view, "lfc_pvalue")[cells]
        panels["pvalues"] = lambda ax: histogram_panel(ax, p, "replicate test", "cells")
        panels["qq"] = lambda ax: qq_panel(ax, p, band=False, **scatter_kws)
    return panels | _residual(view)


def _residual(view: RunView) -> dict[str, Callable[[Axes], Any]]:
    quantiles, params = np.array(_stored(view, "residual_quantiles")), view.run.params
    return {
        "residual": lambda ax: residual_panel(
            ax, quantiles, params["residual"], float(params["rtol"]), int(params["rank"])
        )
    }


def _stored(view: RunView, name: str) -> list[float]:
    """What the run keeps for this plot."""
    if name not in view.run.diagnostics:
        raise LookupError(f"No {name!r} of {view.name}; call `{view.call(name)}` again.")
    return view.run.diagnostics[name]
