"""Components of the variance of genes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kompot_scverse._data.features import feature_names
from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import find_view

from ._artist import check_keywords
from ._matrix import top_genes
from ._style import finish, name_axes, name_rows, new_axes, outside_legend

COMPONENTS = {
    "effect_sd": ("effect of {group}", "#B2182B"),
    "sample_sd": ("samples", "#E69F00"),
    "state_sd": ("cell state", "#56B4E9"),
    "noise_sd": ("noise", "#D9D9D9"),
}
"""Statistics of a run, their names and colours, from left to right."""


def variance(
    data: Data,
    genes: Sequence[str] | str | None = None,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    n_genes: int = 20,
    noise: bool = True,
    gene_symbols: str | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    **bar_kws: Any,
) -> Axes:
    """
    Shares of the variance of genes: effect of the condition, samples, cell state and noise.

    A gene whose samples vary as much as its effect has little evidence for a change, however large its fold change is.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de` with the default model.
    genes
        Names of genes, from top to bottom; None for those with the largest Mahalanobis distance.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData.
    n_genes
        Number of genes where `genes` is None.
    noise
        Whether to draw the noise between cells; False for the shares of the rest.
    gene_symbols
        Var column with other names of the genes.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **bar_kws
        For `ax.barh`, for example `alpha` or `edgecolor`.

    Returns
    -------
    The axes. A share is the square of a standard deviation (`K_R_to_G_effect_sd` and so on) over the sum of the squares drawn. The
    effect counts with the whole difference between the conditions; each differs from their mean by half of it.

    Raises
    ------
    LookupError
        If the run has no variance components, as with `GPSettings.kompot()`.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", sample_key="Replicate", layer="logged_counts")
    >>> ax = kp.pl.variance(adata, n_genes=10)
    """
    check_keywords(variance, bar_kws, "Rectangle", scale=False)
    view = find_view(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    if not view.has("state_sd"):
        raise LookupError(
            f"{view.capitalised} has no variance components, which the model of Kompot does not "
            "estimate; call `kp.tl.de` without `gp=kp.GPSettings.kompot()`."
        )
    shown = [name for name in COMPONENTS if view.has(name) and (noise or name != "noise_sd")]
    numbers = top_genes(view, genes, n_genes, gene_symbols)
    squares = np.square([view.numbers(name)[numbers] for name in shown])
    if not np.isfinite(squares).any():
        raise ValueError(
            f"{view.key(shown[0])!r} of {view.name} holds only missing values, so there is nothing to draw."
        )
    with np.errstate(invalid="ignore"):
        # a gene that does not vary has no shares
        shares = np.nan_to_num(squares / squares.sum(axis=0))
    names = feature_names(view.data, gene_symbols)[numbers]

    longest = max(len(name) for name in names)
    ax = new_axes(ax, 4.3 + 0.08 * longest, 1.0 + 0.22 * len(names))
    rows, left, handles = np.arange(len(names)), np.zeros(len(names)), []
    for statistic, share in zip(shown, shares, strict=True):
        label, color = COMPONENTS[statistic]
        options: dict[str, Any] = {"color": color, "height": 0.8, "linewidth": 0} | bar_kws
        handles.append(ax.barh(rows, share, left=left, label=label.format(group=view.group), **options))
        left = left + share
    ax.set_xlim(0, 1)
    name_axes(ax, title=view.title, x="share of the variance" if noise else "share of the variance without noise")
    name_rows(ax, list(names))
    outside_legend(ax, handles)
    return finish(ax, show, view)
