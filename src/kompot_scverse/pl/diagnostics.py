"""Whether the assumptions behind a run hold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kompot_scverse._arguments import check_arguments
from kompot_scverse._runs.history import iterate_runs

from ._diagnostics import fitted_panel, histogram_panel, null_panel, qq_panel, residual_panel, zscore_panel
from ._fields import RunData, find_run_data, target
from ._style import TITLE, finish, layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Diagnostics", "diagnostics"]

PER_ROW = 3


@dataclass(frozen=True)
class Diagnostics:
    """What was drawn."""

    figure: "Figure"
    axes: "dict[str, Axes]"
    """Panels by name: distances, fit, pvalues, qq, zscores, residual."""


def diagnostics(
    data: Any,
    *,
    analysis: Literal["de", "da"] | None = None,
    run_id: int = -1,
    key: str | None = None,
    group: object = None,
    mod: str | None = None,
    show: bool | None = None,
) -> Diagnostics:
    """
    Panels that show whether the assumptions behind a run hold.

    Of a differential expression:

    - `distances`: Mahalanobis distances of the genes and of the null genes (times the estimated share of null genes),
      with the local false discovery rate. Genes left of the nulls' peak would mean that shuffling removes too much.
    - `fit`: share of null genes farther away than each gene, an empirical p-value, with the decreasing density fitted to
      it, from which the local false discovery rate is computed as π₀ / density. To the right it should reach π₀.
    - `pvalues`, `qq`: p-values of the replicate test or, without replicates, of the test of the cells. Where few genes change they are flat and on the diagonal; λ is
      the ratio of the median χ² to that of no change, 1 for an exact test of genes without change.

    Of a differential abundance:

    - `zscores`: log fold change over its posterior standard deviation, at the cells of the contrast. Cells are not
      independent, so the normal curve is a scale and not a test.
    - `pvalues`, `qq`: p-values of the replicate test at the cells; neighbouring cells share them, so there is no band.

    Of both, `residual`: prior variance that the low-rank basis leaves out at each cell, of its mean over the cells. Cells
    far to the right of `rtol` are described badly; raise `n_landmarks`.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de` or :func:`kompot_scverse.tl.da`.
    analysis
        Which of them; None for the latest run of either.
    run_id, key, group
        Which run: its number (negative ones count from the end), its `key_added`, the group of its contrast.
    mod
        Modality of a MuData.
    show
        Whether to call `plt.show`.

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
    check_arguments(diagnostics, locals())
    import matplotlib.pyplot as plt

    found = find_run_data(data, _analysis(data, analysis, run_id, mod), run_id=run_id, key=key, group=group, mod=mod)
    panels = _de_panels(found) if found.run.analysis == "de" else _da_panels(found)
    columns = {1: 1, 2: 2, 4: 2}.get(len(panels), PER_ROW)
    rows = -(-len(panels) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(3.9 * columns, 3.1 * rows), layout=layout(), squeeze=False)
    for unused in grid.ravel()[len(panels) :]:
        figure.delaxes(unused)
    axes = dict(zip(panels, grid.ravel(), strict=False))
    for name, draw in panels.items():
        draw(axes[name])
    kind = {"de": "differential expression", "da": "differential abundance"}[found.run.analysis]
    figure.suptitle(f"{found.title}, {kind} (run {found.run.run_id})", fontsize=TITLE + 1)
    return finish(Diagnostics(figure, axes), show)


def _analysis(data: Any, analysis: str | None, run_id: int, mod: str | None) -> str:
    """The analysis asked for, or that of the run meant."""
    runs = [run for run in iterate_runs(target(data, mod)) if run.analysis in ("de", "da")]
    if analysis is not None or not runs:
        return analysis or "de"
    return next((run.analysis for run in runs if run.run_id == run_id), runs[-1].analysis)


def _de_panels(found: RunData) -> dict[str, Callable[["Axes"], Any]]:
    panels: dict[str, Callable[[Axes], Any]] = {}
    if found.entry("var", "mahalanobis_local_fdr") is not None:
        distance = found.values("var", "mahalanobis", "kp.tl.de(...)").to_numpy(dtype=np.float64)
        rate = found.values("var", "mahalanobis_local_fdr", "kp.tl.de(...)").to_numpy(dtype=np.float64)
        null, share = np.array(_stored(found, "null_quantiles")), found.run.summary["null_share"]
        panels["distances"] = lambda ax: null_panel(ax, distance, null, share, rate)
        panels["fit"] = lambda ax: fitted_panel(ax, distance, null, share, rate)
    name = "pvalue" if found.entry("var", "pvalue") is not None else "pvalue_cells"
    if found.entry("var", name) is not None:
        p = found.values("var", name, "kp.tl.de(...)", needed=False).to_numpy(dtype=np.float64)
        title = "replicate test" if name == "pvalue" else "test of the cells"
        # of a matrix of zeros no gene has one
        if np.isfinite(p).any():
            panels["pvalues"] = lambda ax: histogram_panel(ax, p, title, "genes")
            panels["qq"] = lambda ax: qq_panel(ax, p, band=True)
    return panels | _residual(found)


def _da_panels(found: RunData) -> dict[str, Callable[["Axes"], Any]]:
    cells = np.logical_or(*found.conditions())
    z = found.values("obs", "lfc_zscore", "kp.tl.da(...)").to_numpy(dtype=np.float64)[cells]
    panels: dict[str, Callable[[Axes], Any]] = {"zscores": lambda ax: zscore_panel(ax, z)}
    if found.entry("obs", "lfc_pvalue") is not None:
        p = found.values("obs", "lfc_pvalue", "kp.tl.da(...)").to_numpy(dtype=np.float64)[cells]
        panels["pvalues"] = lambda ax: histogram_panel(ax, p, "replicate test", "cells")
        panels["qq"] = lambda ax: qq_panel(ax, p, band=False)
    return panels | _residual(found)


def _residual(found: RunData) -> dict[str, Callable[["Axes"], Any]]:
    quantiles, params = np.array(_stored(found, "residual_quantiles")), found.run.params
    return {
        "residual": lambda ax: residual_panel(
            ax, quantiles, params["residual"], float(params["rtol"]), int(params["rank"])
        )
    }


def _stored(found: RunData, name: str) -> list[float]:
    """What the run keeps for this plot."""
    if name not in found.run.diagnostics:
        raise LookupError(
            f"Run {found.run.run_id} ({found.run.analysis}, {found.title}) stored no {name!r}; call "
            f"`kp.tl.{found.run.analysis}(...)` again."
        )
    return found.run.diagnostics[name]
