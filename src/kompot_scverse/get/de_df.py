"""Differential expression as a table."""

from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_fraction, check_not_negative
from kompot_scverse._data.errors import missing
from kompot_scverse._data.holders import Data
from kompot_scverse._data.tables import column_of
from kompot_scverse._messages import warn
from kompot_scverse._runs.find import find_views
from kompot_scverse._runs.regions import find_regions, region_labels
from kompot_scverse._runs.view import RunView

from ._tables import joined, to_log2

COLUMNS = {
    "mahalanobis": "mahalanobis",
    "mean_lfc": "mean_lfc",
    "largest_lfc": "largest_lfc",
    "highest": "highest",
    "pvalue": "pvalue",
    "qvalue": "qvalue",
    "weight": "weight",
    "pvalue_cells": "pvalue_cells",
    "qvalue_cells": "qvalue_cells",
    "local_fdr": "mahalanobis_local_fdr",
    "is_de": "is_de",
    "mahalanobis_pvalue": "mahalanobis_pvalue",
    "tail_fdr": "mahalanobis_tail_fdr",
    "region": "region",
    "region_probability": "region_probability",
    "region_lfc": "region_lfc",
    "influence_sample": "influence_sample",
    "influence_pvalue": "influence_pvalue",
}
"""Columns of the table and the statistics of a run that they hold."""
ALWAYS = ("mahalanobis", "mean_lfc")
IN_CATEGORY = ("mean_lfc", "lfc_se", "lfc_zscore", "lfsr", "pvalue", "qvalue")
"""Columns of the table of one category."""
NATURAL_LOGS = ("mean_lfc", "lfc_se", "region_lfc", "largest_lfc")


def de_df(
    data: Data,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    cell_group: object = None,
    annotate: str | None = None,
    influence: bool = False,
    max_fdr: float | None = None,
    min_lfc: float | None = None,
    log2: bool = False,
    gene_symbols: str | None = None,
    sort: bool = True,
) -> pd.DataFrame:
    r"""
    Result of :func:`kompot_scverse.tl.de` as a table, one row per gene analysed.

    Parameters
    ----------
    data
        Annotated data with a run of differential expression.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call, one below the other.
    mod
        Modality of a MuData; None for all that the run wrote to, one after the other.
    cell_group
        A category of the run's `cell_groups`, for the statistics within it.
    annotate
        Obs column, such as the cell type, that says what the region of a gene is.
    influence
        Add the sample without which the p-value changes most, and the p-value without it: after :func:`kompot_scverse.tl.influence`.
    max_fdr
        Keep genes with at most this false discovery rate: the q-value of the replicate test where the run has one, else
        that of the test of the cells, else the local rate of the distance.
    min_lfc
        Keep genes with at least this absolute mean log fold change, in the units of the table.
    log2
        Log fold changes and their standard errors as log2; False for natural logs, as they are stored.
    gene_symbols
        Column of var to add in front, for example with gene symbols where genes are named by identifiers.
    sort
        Put the most significant genes first: smallest p-value of the replicate test or, without replicates, of the test of
        the cells, else largest distance; in a category without replicates largest \|z\|. False keeps the order of the
        genes.

    Returns
    -------
    Table with the genes as index and the columns `mahalanobis`, `mean_lfc` (natural log, group − reference) and, if the
    run has them, `pvalue`, `qvalue` and `weight` (replicate test), `pvalue_cells` and `qvalue_cells` (test of the cells), `local_fdr`,
    `is_de`, `mahalanobis_pvalue`, `tail_fdr`, and with replicates where the gene changes: `region` (the node of the tree of
    neighbourhoods that explains its change best, see :func:`regions`), `region_probability`, `region_lfc`, `region_cells` and, with
    `annotate`, `region_annotation`; with `cell_group` `mean_lfc`, `lfc_se`, `lfc_zscore`, `lfsr`, with
    replicates `pvalue` and `qvalue`, of effects of several coefficients `largest_lfc` and `highest` (the level with the highest mean
    there), and `n_supported`, how many of its cells have both conditions around them (`K_R_to_G_support` of
    at least 0.1). Genes that were not analysed are left out. If there are several contrasts, the
    column `group` stands in front; for a MuData without `mod`, the column `mod`.

    Raises
    ------
    LookupError
        If there is no such run, or its fields are gone.
    KeyError
        If the run has no such category.

    Warns
    -----
    UserWarning
        If a later run has overwritten fields of this run; the values are then those of the later run. If a category has too few cells of one
        of the conditions.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> kp.get.de_df(adata, max_fdr=0.05).columns.to_list()
    ['mahalanobis', 'mean_lfc', 'pvalue_cells', 'qvalue_cells', 'is_de']
    """
    check_fraction("max_fdr", max_fdr)
    check_not_negative("min_lfc", min_lfc)
    if annotate is not None and cell_group is not None:
        raise ValueError(
            "`annotate` describes the regions of genes, and the table of one `cell_group` has none; leave out one of them."
        )
    views = find_views(data, "de", run_id=run_id, key_added=key_added, group=group, mod=mod)
    tables = []
    for view in views:
        table, rate = (
            _of_run(view, max_fdr, annotate, influence=influence)
            if cell_group is None
            else _of_category(view, cell_group, max_fdr)
        )
        view.warn()
        if log2:
            table = to_log2(table, NATURAL_LOGS)
        tables.append(_chosen(view, table, rate, max_fdr, min_lfc, gene_symbols, sort=sort))
    return joined(views, tables, by_mod=mod is None)


def _of_run(view: RunView, max_fdr: float | None, annotate: str | None, *, influence: bool) -> tuple[pd.DataFrame, str]:
    """The genes of one run on one modality, and the column of their false discovery rate."""
    always = () if view.omnibus else ALWAYS
    wanted = [name for name, statistic in COLUMNS.items() if name in always or view.has(statistic)]
    if influence and not view.has("influence_sample"):
        raise LookupError(f"No influence of samples on {view.name}; call `{view.call('influence_sample')}`.")
    wanted = [name for name in wanted if influence or not name.startswith("influence")]
    rate = next((name for name in ("qvalue", "qvalue_cells") if name in wanted), "local_fdr")
    if max_fdr is not None and rate not in wanted:
        raise LookupError(
            f"No false discovery rates of {view.name}, which `max_fdr=` needs; call "
            f"`{view.call('mahalanobis_local_fdr')}`, or with `sample_key=`."
        )
    columns = {name: view.read(COLUMNS[name]).to_numpy() for name in wanted}
    table = pd.DataFrame(columns, index=view.data.var_names)
    return (_with_regions(view, table, annotate) if "region" in table else table), rate


def _with_regions(view: RunView, table: pd.DataFrame, annotate: str | None) -> pd.DataFrame:
    """With the number of cells of each gene's region, and what they are."""
    region = table["region"].astype("Int64")
    # a modality alone may not have the column of the conditions, and then not say which cells were compared
    if annotate is None and not (view.is_there("neighborhoods") and _compared_cells_known(view)):
        return table.assign(region=region)
    regions = find_regions(view)
    numbers = [int(number) for number in region.dropna().unique()]
    sizes = {number: int(regions.cells(number).sum()) for number in numbers}
    table = table.assign(region=region, region_cells=region.map(sizes).astype("Int64"))
    if annotate is None:
        return table
    labels = region_labels(view, annotate)
    names = {number: regions.described(number, labels) for number in numbers}
    return table.assign(region_annotation=region.map(names))


def _compared_cells_known(view: RunView) -> bool:
    return view.run.contrast.get("reference") is None or view.groupby in view.data.obs


def _of_category(view: RunView, cell_group: object, max_fdr: float | None) -> tuple[pd.DataFrame, str]:
    """The same within a category."""
    if max_fdr is not None and not view.has("group_qvalue"):
        raise LookupError(
            f"No q-values of {view.name} in categories, which `max_fdr=` needs; call `{view.call('group_qvalue')}` "
            "with `cell_groups=`."
        )
    optional = IN_CATEGORY if view.omnibus else ("pvalue", "qvalue")
    wanted = [name for name in IN_CATEGORY if name not in optional or view.has(f"group_{name}")]
    columns: dict[str, Any] = {name: view.of_category(name, cell_group) for name in wanted}
    if not np.isfinite(np.array(list(columns.values()), dtype=np.float64)).any():
        warn(f"{str(cell_group)!r} has too few cells of one of the conditions for statistics in {view.name}: no rows.")
    if view.has("group_highest"):
        names, found = list(view.read("level_lfc").columns), view.of_category("highest", cell_group)
        columns["largest_lfc"] = view.of_category("largest_lfc", cell_group)
        columns["highest"] = pd.Categorical.from_codes(
            np.nan_to_num(found, nan=-1).astype(int), categories=pd.Index(names)
        )
    # runs of early versions do not have it
    if str(cell_group) in (supported := view.run.summary.get("n_supported_in_categories", {})):
        columns["n_supported"] = supported[str(cell_group)]
    return pd.DataFrame(columns, index=view.data.var_names), "qvalue"


def _chosen(
    view: RunView,
    table: pd.DataFrame,
    rate: str,
    max_fdr: float | None,
    min_lfc: float | None,
    gene_symbols: str | None,
    *,
    sort: bool,
) -> pd.DataFrame:
    """The genes that pass the limits, with their symbols, the most significant first."""
    if gene_symbols is not None:
        if gene_symbols not in view.data.var:
            raise missing("var column (`gene_symbols`)", gene_symbols, view.data.var.columns)
        table.insert(0, gene_symbols, column_of(view.data.var, gene_symbols, "var").array)
    table = table[
        table[next(name for name in ("mahalanobis", "largest_lfc", "mean_lfc", "pvalue") if name in table)].notna()
    ]
    if "is_de" in table:
        table = table.assign(is_de=table["is_de"].astype(bool))
    if max_fdr is not None:
        table = table[table[rate] <= max_fdr]
    if min_lfc is not None:
        table = table[table["largest_lfc" if "largest_lfc" in table else "mean_lfc"].abs() >= min_lfc]
    if not sort:
        return table
    if "mahalanobis" in table:
        table = table.sort_values("mahalanobis", ascending=False, kind="stable")
    elif "largest_lfc" in table:
        table = table.sort_values("largest_lfc", ascending=False, kind="stable")
    elif "lfc_zscore" in table:
        table = table.sort_values("lfc_zscore", key=lambda z: -z.abs(), kind="stable")
    by = next((name for name in ("pvalue", "pvalue_cells") if name in table), None)
    return table if by is None else table.sort_values(by, kind="stable")
