"""The smoothed expression of a gene in each sample, along categories or along an axis."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_arguments
from kompot_scverse._data.design import MIN_CELLS
from kompot_scverse._data.errors import missing
from kompot_scverse._data.frame import JointFrame
from kompot_scverse._data.resolve import dense, obs_column
from kompot_scverse._data.tables import column_of, value_of

from ._artist import check_keywords
from ._fields import RunData, find_run_data, gene_names, gene_numbers
from ._samples import SampleFits, sample_fits
from ._style import NORMAL, TITLE, category_colors, despine, finish, line, new_axes, outside_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Replicates", "replicates"]

ROLES = ("reference", "group")
BINS = 60
"""Bins of an axis, with equal numbers of cells."""
DODGE = 0.2
"""Distance of a condition from the middle of a category."""


@dataclass(frozen=True)
class Replicates:
    """What was drawn."""

    ax: "Axes"
    values: pd.DataFrame
    """Smoothed expression; rows are samples (condition and label), columns are categories or positions on the axis."""


def replicates(
    data: Any,
    gene: str,
    *,
    along: str | tuple[str, int] | None = None,
    run_id: int = -1,
    key: str | None = None,
    group: object = None,
    gene_symbols: str | None = None,
    mod: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
    **line_kws: Any,
) -> Replicates:
    r"""
    Smoothed expression of a gene in each sample, so that one sees whether an effect holds in every replicate.

    The function of a sample is that of the run, :math:`\Phi(x)^\top w_s` with :math:`w_s = (G_s + \sigma^2 I)^{-1} B_s`
    from the cells of the sample alone, rebuilt exactly from the stored basis and the expression in the data. All
    samples are averaged over the same cells, those of both conditions in a category or stretch of the axis, so they
    differ in expression and not in composition. Bars and thick lines are the condition's function, from all its cells.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`kompot_scverse.tl.de` with `sample_key`, with the expression it was made on.
    gene
        Name or symbol.
    along
        Obs column with categories or with numbers (such as a pseudotime), or a key of obsm and the number of a
        dimension, `("DM_EigenVectors", 0)`. None: the `cell_groups` of the run.
    run_id, key, group
        Which run: its number (negative ones count from the end), its `key_added`, the group of its contrast.
    gene_symbols
        Var column in which the gene is looked up.
    mod
        Modality of a MuData.
    ax, show
        Axes to draw on; whether to call `plt.show`.
    **line_kws
        For the lines and points of the samples, for example `linewidth`, `alpha` or `markersize`.

    Returns
    -------
    Axes and values. In a category, points of samples with fewer than ten cells there are hollow, since they rest on
    similar cells elsewhere; along an axis, a line ends where the sample's cells end (their 1st and 99th percentile).
    Thin lines join samples of the two conditions that have the same label.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> drawn = kp.pl.replicates(adata, adata.var_names[0], along="pseudotime")
    """
    check_arguments(replicates, locals())
    from matplotlib.lines import Line2D

    check_keywords(replicates, line_kws, Line2D, scale=False)
    found = find_run_data(data, "de", run_id=run_id, key=key, group=group, mod=mod)
    number = int(gene_numbers(found.data, gene, gene_symbols)[0])
    if isinstance(found.data, JointFrame):
        found, _, own = found.parts(np.array([number]))[0]
        number = int(own[0])
    position, name = _position(found, along)
    fits = sample_fits(found, number)
    if not (fits.cells & position.notna().to_numpy()).any():
        raise ValueError(f"{name!r} (`along`) is missing for all cells of the run.")
    colors = dict(zip(ROLES, _condition_colors(found), strict=True))

    if isinstance(position.dtype, pd.CategoricalDtype):
        categories = [c for c in position.cat.categories if (fits.cells & (position == c).to_numpy()).any()]
        longest = max(len(str(category)) for category in categories)
        width = 0.45 + 0.02 * min(len(fits.names), 20)
        ax = new_axes(ax, 3.0 + width * len(categories), 2.8 + 0.06 * longest)
        values = _categories(ax, fits, position, categories, colors, line_kws)
    else:
        ax = new_axes(ax, 5.6, 3.3)
        values = _axis(ax, fits, position.to_numpy(dtype=np.float64), colors, line_kws)
        ax.set_xlabel(name, fontsize=NORMAL)
    names = {"reference": found.reference, "group": found.group}
    handles = []
    for role in ROLES:
        n = int((fits.names.get_level_values(0) == role).sum())
        handles.append(Line2D([], [], color=colors[role], linewidth=2.5, label=f"{names[role]} ({n} samples)"))
    if isinstance(position.dtype, pd.CategoricalDtype) and values.attrs["hollow"]:
        hollow: dict[str, Any] = {
            "marker": "o",
            "linestyle": "",
            "markerfacecolor": "none",
            "markeredgecolor": "0.3",
            "markersize": 5,
        }
        handles.append(Line2D([], [], label=f"fewer than {MIN_CELLS} cells", **hollow))
    if fits.paired and isinstance(position.dtype, pd.CategoricalDtype):
        handles.append(line(f"same {found.run.params['sample_key']}", "-"))
    outside_legend(ax, handles, found.groupby)
    ax.set_ylabel("smoothed expression", fontsize=NORMAL)
    ax.set_title(gene_names(found.data, gene_symbols)[number], fontsize=TITLE, fontstyle="italic")
    despine(ax)
    values.index = pd.MultiIndex.from_tuples(
        [(names[role], label) for role, label in fits.names], names=[found.groupby, found.run.params["sample_key"]]
    )
    return finish(Replicates(ax, values), show)


def _position(found: RunData, along: str | tuple[str, int] | None) -> tuple[pd.Series, str]:
    """Category or coordinate of every cell, and its name."""
    own = found.data
    if along is None:
        along = found.run.params.get("cell_groups")
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
    if name not in own.obsm:
        raise missing("key of obsm (`along`)", name, own.obsm)
    values = dense(value_of(own, "obsm", name), f"obsm[{name!r}]")
    if not 0 <= dimension < values.shape[1]:
        raise ValueError(f"obsm[{name!r}] has dimensions 0 to {values.shape[1] - 1}, not {dimension}.")
    return pd.Series(values[:, dimension]), f"{name} {dimension + 1}"


def _condition_colors(found: RunData) -> list[Any]:
    """Colours of the reference and the group, stored ones where there are."""
    colors = category_colors(found.data, found.groupby, pd.Index([found.reference, found.group]))
    return [colors[found.reference], colors[found.group]]


def _categories(
    ax: "Axes",
    fits: SampleFits,
    position: pd.Series,
    categories: list[Any],
    colors: dict[str, Any],
    kws: dict[str, Any],
) -> pd.DataFrame:
    """A point per sample and category, with a bar for the condition."""
    roles, labels = (fits.names.get_level_values(level) for level in (0, 1))
    members = [(position == category).to_numpy() for category in categories]
    means = np.stack([fits.phi[fits.cells & own].mean(axis=0) for own in members])
    sizes = np.stack([np.bincount(fits.codes[fits.cells & own], minlength=len(labels)) for own in members])
    values = means @ fits.weights.T
    options: dict[str, Any] = {"markersize": 4.5, "markeredgewidth": 1.0, "linestyle": "", "marker": "o", "zorder": 3}
    # samples side by side, in the same order in both conditions
    order = pd.Series(pd.factorize(labels, sort=True)[0], index=fits.names)
    spread = (order - order.mean()) / max(order.max(), 1) * 0.22
    for number in range(len(categories)):
        for role, sign in (("reference", -1), ("group", 1)):
            center = number + sign * DODGE
            level = means[number] @ fits.condition_weights[role]
            ax.plot([center - 0.15, center + 0.15], [level, level], color=colors[role], linewidth=2.5, zorder=2)
            for full in (True, False):
                own = (roles == role) & ((sizes[number] >= MIN_CELLS) == full)
                style = options | {"color": colors[role], "markerfacecolor": colors[role] if full else "white"} | kws
                ax.plot(center + spread.to_numpy()[own], values[number, own], label=f"{role}_{full}", **style)
        for label in labels[roles == "reference"].intersection(labels[roles == "group"]):
            pair = [fits.names.get_loc((role, label)) for role in ROLES]
            x = number + np.array([-DODGE, DODGE]) + spread.to_numpy()[pair]
            ax.plot(x, values[number, pair], color="0.4", linewidth=0.6, alpha=0.4, zorder=1, label="_pair")
    ax.set_xticks(range(len(categories)), [str(c) for c in categories], rotation=45, ha="right", rotation_mode="anchor")
    ax.set_xlim(-0.6, len(categories) - 0.4)
    table = pd.DataFrame(values.T, index=fits.names, columns=pd.Index(categories))
    table.attrs["hollow"] = bool((sizes < MIN_CELLS).any())
    return table


def _axis(
    ax: "Axes", fits: SampleFits, position: np.ndarray, colors: dict[str, Any], kws: dict[str, Any]
) -> pd.DataFrame:
    """A line per sample along an axis, with a thick one for the condition."""
    cells = np.flatnonzero(fits.cells & np.isfinite(position))
    cells = cells[np.argsort(position[cells], kind="stable")]
    parts = [part for part in np.array_split(cells, min(BINS, max(len(cells) // MIN_CELLS, 1))) if len(part)]
    x = np.array([position[part].mean() for part in parts])
    means = np.stack([fits.phi[part].mean(axis=0) for part in parts])
    values = pd.DataFrame((means @ fits.weights.T).T, index=fits.names, columns=pd.Index(x))
    for number, (role, _) in enumerate(fits.names):
        own = position[(fits.codes == number) & np.isfinite(position)]
        low, high = np.percentile(own, [1, 99])
        values.iloc[number, (x < low) | (x > high)] = np.nan
        style = {"color": colors[role], "linewidth": 0.9, "alpha": 0.7, "zorder": 2} | kws
        ax.plot(x, values.iloc[number], label=role, **style)
    for role in ROLES:
        ax.plot(
            x, means @ fits.condition_weights[role], color=colors[role], linewidth=2.5, zorder=3, label=f"{role}_all"
        )
    return values
