"""The smoothed expression of a gene, or the abundance, in each sample, along categories or along an axis."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from kompot_scverse._data.design import MIN_CELLS
from kompot_scverse._data.errors import missing
from kompot_scverse._data.features import feature_numbers
from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import dense, obs_column, spellings
from kompot_scverse._data.tables import column_of, value_of
from kompot_scverse._runs.find import find_view
from kompot_scverse._runs.sample_abundance import SampleAbundance
from kompot_scverse._runs.view import RunView

from ._artist import check_keywords
from ._replicates import ShownSamples, abundance_of, expression_of
from ._style import NORMAL, TITLE, despine, finish, line, new_axes, outside_legend
from ._theme import paper, shade

BINS = 60
"""Bins of an axis, with equal numbers of cells."""
BESIDE: dict[str, Any] = {
    "marker": "_",
    "markersize": 6.0,
    "markeredgewidth": 1.0,
    "linestyle": "",
    "alpha": 0.55,
    "zorder": 2.5,
}
"""Marks of what the points are compared with."""
WIDTH = 0.4
"""Half the width that the conditions take."""


def replicates(
    data: Data,
    gene: str | None = None,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    along: str | tuple[str, int] | None = None,
    gene_symbols: str | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    **line_kws: Any,
) -> Axes:
    r"""
    Smoothed expression of a gene in each sample, or its abundance, so that one sees whether an effect holds in every replicate.

    The function of a sample is that of its condition plus the field that the run estimates for the sample (with
    `GPSettings.kompot()`, a fit to the cells of the sample alone). It is rebuilt from the stored basis and the expression in the data. All
    samples are averaged over the same cells, those of both conditions in a category or stretch of the axis. So they
    differ in expression, not in composition. Bars are the mean of the samples' points; thick lines are the
    function of the condition, from all its cells. In categories, a dash shows the plain mean of the sample's own cells there.

    Without a gene, it is the abundance of a run of :func:`kompot_scverse.tl.da`: points and thin lines are the logs of the
    shares of each sample's own cells, less their mean over the conditions, so that conditions differ by a log fold change.
    Dashes and thick lines are the same of the fitted densities of the conditions.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de` or :func:`kompot_scverse.tl.da` with `sample_key`; for a
        gene, with the expression that the run was made on.
    gene
        Name or symbol; None for abundance.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: that of the last call, which must have one contrast.
    mod
        Modality of a MuData.
    along
        Obs column with categories or with numbers (such as a pseudotime), or a key of obsm and the number of a
        dimension, `("DM_EigenVectors", 0)`. None: the `cell_groups` of the run, which runs of abundance do not have.
    gene_symbols
        Var column in which the gene is looked up.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **line_kws
        For the lines and points of the samples, for example `linewidth`, `alpha` or `markersize`.

    Returns
    -------
    The axes. In a category, points of samples with fewer than ten cells there are hollow, since they rest on
    similar cells elsewhere; along an axis, a line ends where the sample's cells end (their 1st and 99th percentile).
    Thin lines join samples of the two conditions that have the same label.

    Of an effect of a design, the samples stand in the levels of its variable (of a number with more than six values, in bins) and
    in its order, and lines join those of one block.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> ax = kp.pl.replicates(adata, adata.var_names[0], along="pseudotime")
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old", sample_key="Replicate")
    >>> ax = kp.pl.replicates(adata, along="celltype")
    """
    check_keywords(replicates, line_kws, "Line2D", scale=False)
    view = find_view(data, "da" if gene is None else "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    if gene is None:
        position, name = _position(view, along)
        shown = abundance_of(view)
    else:
        ((view, _, own),) = view.of_features(feature_numbers(view.data, gene, gene_symbols))
        position, name = _position(view, along)
        shown = expression_of(view, int(own[0]), gene_symbols)
    fits, names, colors = shown.fits, shown.names, shown.colors
    if not (fits.cells & position.notna().to_numpy()).any():
        raise ValueError(f"{name!r} (`along`) is missing for all cells of the run.")

    if isinstance(position.dtype, pd.CategoricalDtype):
        categories = [c for c in position.cat.categories if (fits.cells & (position == c).to_numpy()).any()]
        longest = max(len(str(category)) for category in categories)
        width = 0.45 + 0.02 * min(len(fits.names), 20)
        ax = new_axes(ax, 3.0 + width * len(categories), 2.8 + 0.06 * longest)
        hollow = _categories(ax, shown, position, categories, line_kws, ordered=view.effect is not None)
    else:
        ax = new_axes(ax, 5.6, 3.3)
        hollow = False
        _axis(ax, shown, position.to_numpy(dtype=np.float64), line_kws)
        ax.set_xlabel(name, fontsize=NORMAL)
    handles = []
    for role in fits.roles:
        n = int((fits.names.get_level_values(0) == role).sum())
        handles.append(Line2D([], [], color=colors[role], linewidth=2.5, label=f"{names[role]} ({n} samples)"))
    if hollow:
        handles.append(
            Line2D(
                [], [], label=f"fewer than {MIN_CELLS} cells", marker="o", linestyle="", markerfacecolor="none",
                markeredgecolor=shade(0.7), markersize=5,
            )
        )  # fmt: skip
    if isinstance(position.dtype, pd.CategoricalDtype) and shown.beside is not None:
        handles.append(Line2D([], [], color=shade(0.7), label=shown.beside_name, **BESIDE))
    if fits.paired and isinstance(position.dtype, pd.CategoricalDtype):
        handles.append(line(f"same {view.run.params.get('block') or view.run.params['sample_key']}", "-"))
    outside_legend(ax, handles, shown.variable)
    ax.set_ylabel(shown.axis, fontsize=NORMAL)
    ax.set_title(shown.title, fontsize=TITLE, fontstyle="normal" if gene is None else "italic")
    despine(ax)
    return finish(ax, show, view)


def _position(view: RunView, along: str | tuple[str, int] | None) -> tuple[pd.Series, str]:
    """Category or coordinate of every cell, and its name."""
    own = view.data
    if along is None:
        along = view.run.params.get("cell_groups")
        if along is None:
            raise ValueError('The run has no `cell_groups`; pass `along=`, an obs column or ("<key of obsm>", 0).')
    if isinstance(along, str):
        if along not in own.obs:
            raise missing("obs column (`along`)", along, own.obs.columns, 'For obsm pass `along=("<key>", 0)`.')
        column = column_of(own.obs, along)
        numeric = pd.api.types.is_float_dtype(column.dtype) and not isinstance(column.dtype, pd.CategoricalDtype)
        return (column if numeric else obs_column(own, along, "along")), along
    if len(along) != 2 or isinstance(along[1], bool) or not isinstance(along[1], int | np.integer):
        raise ValueError(f'`along` is an obs column or ("<key of obsm>", <number of the dimension>), not {along!r}.')
    name, dimension = along
    found = next((key for key in spellings(name) if key in own.obsm), None)
    if found is None:
        raise missing("key of obsm (`along`)", name, own.obsm)
    name = found
    values = dense(value_of(own, "obsm", name), f"obsm[{name!r}]")
    if not 0 <= dimension < values.shape[1]:
        raise ValueError(f"obsm[{name!r}] has dimensions 0 to {values.shape[1] - 1}, not {dimension}.")
    return pd.Series(values[:, dimension]), f"{name} {dimension + 1}"


def _categories(
    ax: Axes,
    shown: ShownSamples,
    position: pd.Series,
    categories: list[Any],
    kws: dict[str, Any],
    *,
    ordered: bool,
) -> bool:
    """A point per sample and category, with a bar for the condition; returns whether some are hollow."""
    fits, colors = shown.fits, shown.colors
    roles = fits.names.get_level_values(0).to_numpy()
    options: dict[str, Any] = {"markersize": 4.5, "markeredgewidth": 1.0, "linestyle": "", "marker": "o", "zorder": 3}
    # samples side by side, in the same order in all conditions
    n = len(fits.roles)
    order = pd.Series(fits.order)
    middle = order.groupby(roles).transform(lambda one: (one.max() + one.min()) / 2) if ordered else order.mean()
    reach = order.groupby(roles).transform(np.ptp).max() if ordered else order.max()
    spread = ((order - middle) / max(reach, 1) * 0.44 / n).to_numpy()
    sides = {role: WIDTH * (2 * code - n + 1) / n for code, role in enumerate(fits.roles)}
    side = np.array([sides[role] for role in roles])
    hollow = False
    for number, category in enumerate(categories):
        cells = (position == category).to_numpy()
        beside = None if shown.beside is None else shown.beside(cells)
        values, sizes = fits.means(cells), np.bincount(fits.codes[fits.cells & cells], minlength=len(roles))
        hollow |= bool((sizes < MIN_CELLS).any())
        for role in fits.roles:
            own = roles == role
            # the mean of the points, among which that of all cells need not lie where samples differ in size
            center, level = number + sides[role], values[own].mean()
            ax.plot([center - 0.3 / n, center + 0.3 / n], [level, level], color=colors[role], linewidth=2.5, zorder=2)
            for full in (True, False):
                some = own & ((sizes >= MIN_CELLS) == full)
                style = options | {"color": colors[role], "markerfacecolor": colors[role] if full else paper()} | kws
                ax.plot(center + spread[some], values[some], label=f"{role}_{full}", **style)
            if beside is not None:
                ax.plot(center + spread[own], beside[own], color=colors[role], label=f"{role}_observed", **BESIDE)
        for label in np.unique(fits.joined):
            one = np.flatnonzero(fits.joined == label)
            if len(one) > 1:
                x = number + side[one] + spread[one]
                by = np.argsort(x)
                ax.plot(x[by], values[one][by], color=shade(0.6), linewidth=0.6, alpha=0.4, zorder=1, label="_pair")
    ax.set_xticks(range(len(categories)), [str(c) for c in categories], rotation=45, ha="right", rotation_mode="anchor")
    ax.set_xlim(-0.6, len(categories) - 0.4)
    return hollow


def _axis(ax: Axes, shown: ShownSamples, position: np.ndarray, kws: dict[str, Any]) -> None:
    """A line per sample along an axis, with a thick one for the condition."""
    fits, colors = shown.fits, shown.colors
    cells = np.flatnonzero(fits.cells & np.isfinite(position))
    cells = cells[np.argsort(position[cells], kind="stable")]
    # where cells are counted, each sample needs some in a part
    fewest = MIN_CELLS * (len(fits.names) if isinstance(fits, SampleAbundance) else 1)
    parts = [part for part in np.array_split(cells, min(BINS, max(len(cells) // fewest, 1))) if len(part)]
    x = np.array([position[part].mean() for part in parts])
    of_samples, of_conditions = fits.profiles(parts)
    for number, (role, _) in enumerate(fits.names):
        low, high = np.percentile(position[(fits.codes == number) & np.isfinite(position)], [1, 99])
        values = np.where((x < low) | (x > high), np.nan, of_samples[number])
        style = {"color": colors[role], "linewidth": 0.9, "alpha": 0.7, "zorder": 2} | kws
        ax.plot(x, values, label=role, **style)
    for role, values in of_conditions.items():
        ax.plot(x, values, color=colors[role], linewidth=2.5, zorder=3, label=f"{role}_all")
