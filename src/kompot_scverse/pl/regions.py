"""Regions of the cell states on an embedding."""

from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from kompot_scverse._arguments import check_at_least
from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.regions import find_regions
from kompot_scverse._runs.view import RunView

from ._artist import check_keywords
from ._embedding import embedding_coordinates, embedding_frame, headed
from ._labels import label_points
from ._panels import Panels
from ._scatter import color_scatter
from ._style import finish, grid, new_axes


def regions(
    data: Data,
    basis: str = "umap",
    *,
    analysis: Literal["de", "da"] = "de",
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    n_regions: int = 6,
    ncols: int = 3,
    ax: Axes | None = None,
    show: bool | None = None,
    **scatter_kws: Any,
) -> Axes | Panels:
    """
    Where genes change, or where the number of cells does.

    Parameters
    ----------
    data
        Annotated data after :func:`kompot_scverse.tl.de` with `sample_key`, or after :func:`kompot_scverse.tl.regions`.
    basis
        Embedding in obsm, with or without `X_`.
    analysis
        "de": the regions with most genes, a panel each, since they may contain each other. "da": the connected regions of
        differential abundance, labelled, in one panel.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData; needed if the run wrote to several.
    n_regions, ncols
        Largest number of panels of "de", and panels per row.
    ax, show
        Axes to draw on, of "da"; whether to call `plt.show`.
    **scatter_kws
        For `ax.scatter`, for example `s`, `alpha` or `cmap`.

    Returns
    -------
    The axes; of "de" the figure and its axes by the number of the region. Colours of "de" are the weights of the cells.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 20, density_change=2.5)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> kp.tl.regions(adata)
    >>> ax = kp.pl.regions(adata, analysis="da")
    """
    check_keywords(regions, scatter_kws, "PathCollection")
    check_at_least(1, n_regions=n_regions, ncols=ncols)
    if ax is not None and analysis == "de":
        raise ValueError("`ax=` holds one panel, and regions of differential expression have one each.")
    view = find_view(data, analysis, run_id=run_id, key_added=key_added, group=group, mod=mod)
    view.check_one_modality()
    points, name = embedding_coordinates(view.data, basis)
    if analysis == "da":
        return finish(_abundance(view, points, name, ax, scatter_kws), show, view)
    return finish(_expression(view, points, name, n_regions, ncols, scatter_kws), show, view)


def _abundance(view: RunView, points: np.ndarray, name: str, ax: Axes | None, kws: dict[str, Any]) -> Axes:
    labels = view.read("region")
    values = pd.Series(pd.Categorical(labels)).reset_index(drop=True)
    ax = new_axes(ax, 5.2, 3.8)
    color_scatter(
        ax, points, values, data=view.data, key="", label="region", palette=_shades(values.cat.categories), kws=kws
    )
    embedding_frame(ax, name, view.title)
    found = [(label, points[(values == label).to_numpy()]) for label in values.cat.categories]
    centers = np.array([_central(own) for _, own in found]).reshape(-1, 2)
    shown = points[np.isfinite(points).all(axis=1)]
    label_points(
        ax, centers[:, 0], centers[:, 1], [label for label, _ in found], shown, np.ones(len(shown)) * 0.05, None
    )
    return ax


def _shades(names: pd.Index) -> dict[str, Any]:
    """Reds for regions that become more and blues for those that become less, the largest darkest."""
    found: dict[str, Any] = {}
    for side, colors in (("up", "Reds"), ("down", "Blues")):
        own = [name for name in names if str(name).startswith(side)]
        shades = mpl.colormaps[colors](np.linspace(0.85, 0.4, max(len(own), 2)))
        found |= dict(zip(own, shades, strict=False))
    return found


def _central(points: np.ndarray) -> np.ndarray:
    """The point that is nearest to the median, so that it lies in the region."""
    points = points[np.isfinite(points).all(axis=1)]
    return points[np.square(points - np.median(points, axis=0)).sum(axis=1).argmin()]


def _expression(
    view: RunView, points: np.ndarray, name: str, n_regions: int, ncols: int, kws: dict[str, Any]
) -> Panels:
    found = find_regions(view)
    called, region = view.read("is_de").to_numpy(dtype=bool), view.numbers("region")
    counts = np.bincount(region[called].astype(int), minlength=len(found.nodes))
    numbers = [int(number) for number in np.argsort(-counts, kind="stable")[:n_regions] if counts[number] > 0]
    if not numbers:
        raise ValueError(f"{view.name} calls no genes, so that no region has any.")
    axes = grid([str(number) for number in numbers], min(ncols, len(numbers)), 4.1, 3.7)
    order, names = np.argsort(view.numbers("pvalue"), kind="stable"), view.data.var_names.to_numpy(dtype=str)
    for number in numbers:
        ax, weights = axes[str(number)], pd.Series(found.weights(number))
        scale = {"vmin": 0, "vmax": 1, "cmap": "Reds"} | kws
        color_scatter(ax, points, weights, data=view.data, key="", label="weight", kws=scale)
        embedding_frame(ax, name, "")
        genes = names[[gene for gene in order if called[gene] and region[gene] == number]].tolist()
        headed(ax, f"{number}: {counts[number]} {'gene' if counts[number] == 1 else 'genes'}", genes)
    return Panels(axes)
