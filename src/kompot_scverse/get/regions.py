"""Regions of the cell states as a table: where genes change."""

from typing import Any, Literal

import numpy as np
import pandas as pd

from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import all_views, find_views
from kompot_scverse._runs.regions import Regions, find_regions, region_labels
from kompot_scverse._runs.view import RunView

from ._tables import joined

LEADING = 5
"""Genes that are named."""


def regions(
    data: Data,
    *,
    analysis: Literal["de", "da"] = "de",
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    annotate: str | None = None,
    sort: bool = True,
) -> pd.DataFrame:
    """
    Where genes change: the nodes of the tree of neighbourhoods that the replicate test combines, one row each.

    Genes are tested in soft neighbourhoods of the cell states, and in groups of neighbourhoods that a tree joins. Each gene is
    assigned to the node of the tree that explains its change best.

    Parameters
    ----------
    data
        Annotated data after :func:`kompot_scverse.tl.de` with `sample_key`, or after :func:`kompot_scverse.tl.regions`.
    analysis
        "da" gives the connected regions of differential abundance that :func:`kompot_scverse.tl.regions` found.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call, one below the other.
    mod
        Modality of a MuData; None for all that the run wrote to, one after the other.
    annotate
        Obs column, such as the cell type, that says what a region is; None for the `cell_groups` of the run, if it has them.
    sort
        Put the regions with most genes first; False keeps the order of the tree: single neighbourhoods first, everything last.

    Returns
    -------
    Table with the number of the region as index: `n_neighborhoods`, `n_cells` (of the contrast, with a weight above 0.5), `n_reference`
    and `n_group` (of these by condition), `n_genes` (called genes of the region), `n_up`, `n_down`, `genes` (the most
    significant), with `annotate` also `annotation` (the category that most cells have, and its share), and, after
    :func:`kompot_scverse.tl.da` of the same contrast, `da_lfc` and `da_qvalue`: means over the cells.

    Of differential abundance, with "up 1", "down 1" and so on as index: `direction`, `n_cells`, `n_reference`, `n_group`, `lfc` (mean over the
    cells; with replicates the effect of their test), with replicates `qvalue` (the smallest), and `annotation` if asked for.

    Raises
    ------
    LookupError
        If there is no such run, or it has no regions.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts", sample_key="Replicate")
    >>> kp.get.regions(adata, annotate="celltype").columns.to_list()
    ['n_neighborhoods', 'n_cells', 'n_reference', 'n_group', 'n_genes', 'n_up', 'n_down', 'genes', 'annotation']
    """
    views = find_views(data, analysis, run_id=run_id, key_added=key_added, group=group, mod=mod)
    tables = []
    for view in views:
        if analysis == "da":
            tables.append(_of_abundance(view))
            continue
        table = _of_run(data, view, annotate)
        tables.append(table.sort_values("n_genes", ascending=False, kind="stable") if sort else table)
        view.warn()
    return joined(views, tables, by_mod=mod is None)


def _of_abundance(view: RunView) -> pd.DataFrame:
    rows = view.run.summary.get("regions")
    if rows is None:
        raise LookupError(f"No regions of {view.name}; call `{view.call('region')}`.")
    return pd.DataFrame(rows, columns=None if rows else ["region", "direction", "n_cells", "lfc"]).set_index("region")


def _of_run(data: Any, view: RunView, annotate: str | None) -> pd.DataFrame:
    found = find_regions(view)
    numbers = range(len(found.nodes))
    table = pd.DataFrame({"n_neighborhoods": found.nodes.sum(axis=1)}, index=pd.Index(numbers, name="region"))
    cells = [found.cells(number) for number in numbers]
    table["n_cells"] = [int(own.sum()) for own in cells]
    if view.run.contrast.get("reference") is not None:
        for role, side in zip(("reference", "group"), view.conditions(), strict=True):
            table[f"n_{role}"] = [int((own & side).sum()) for own in cells]
    table = table.join(_genes(view, len(numbers)))
    column = annotate or view.run.params.get("cell_groups")
    if column is not None:
        labels = region_labels(view, column)
        table["annotation"] = [found.described(number, labels) for number in numbers]
    return table.assign(**_abundance(data, view, found, cells))


def _genes(view: RunView, n: int) -> pd.DataFrame:
    """Called genes of each region."""
    called = view.read("is_de").to_numpy(dtype=bool)
    region, pvalue = view.numbers("region"), view.numbers("pvalue")
    change = view.numbers("region_lfc") if view.has("region_lfc") else None
    names, rows = view.data.var_names.to_numpy(dtype=str), []
    for number in range(n):
        own = np.flatnonzero(called & (region == number))
        row: dict[str, Any] = {"n_genes": len(own)}
        if change is not None:
            row |= {"n_up": int((change[own] > 0).sum()), "n_down": int((change[own] < 0).sum())}
        first = own[np.argsort(pvalue[own], kind="stable")][:LEADING]
        rows.append(row | {"genes": ", ".join(names[first])})
    return pd.DataFrame(rows, index=pd.RangeIndex(n, name="region"))


def _abundance(data: Any, view: RunView, found: Regions, cells: list[np.ndarray]) -> dict[str, list[float]]:
    """Mean effect and q of the last test of abundance of the same contrast."""
    same = [one for one in all_views(data) if one.run.analysis == "da" and one.run.contrast == view.run.contrast]
    same = [one for one in same if one.has("lfc_qvalue") and one.data.n_obs == view.data.n_obs]
    if not same:
        return {}
    names = {"da_lfc": "neighborhood_lfc", "da_qvalue": "lfc_qvalue"}
    values = {name: same[-1].numbers(statistic) for name, statistic in names.items()}
    return {
        name: [float(np.nanmean(own[rows])) if np.isfinite(own[rows]).any() else np.nan for rows in cells]
        for name, own in values.items()
    }
