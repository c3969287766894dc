"""Differential expression as a table."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._arguments import check_arguments, check_fraction, check_not_negative
from kompot_scverse._data.errors import missing
from kompot_scverse._data.tables import columns_of
from kompot_scverse._runs.run_fields import RunFields
from kompot_scverse._runs.run_frames import RunFrame, run_frames

if TYPE_CHECKING:
    from mudata import MuData

__all__ = ["de_df"]

COLUMNS = {
    "mahalanobis": "mahalanobis",
    "mean_lfc": "mean_lfc",
    "pvalue": "pvalue",
    "qvalue": "qvalue",
    "pvalue_cells": "pvalue_cells",
    "qvalue_cells": "qvalue_cells",
    "local_fdr": "mahalanobis_local_fdr",
    "is_de": "is_de",
    "mahalanobis_pvalue": "mahalanobis_pvalue",
    "tail_fdr": "mahalanobis_tail_fdr",
}
"""Columns of the table and the statistics of a run that they hold."""
ALWAYS = ("mahalanobis", "mean_lfc")


def de_df(
    data: "AnnData | MuData",
    *,
    mod: str | None = None,
    run_id: int = -1,
    fdr: float | None = None,
    min_lfc: float | None = None,
    gene_symbols: str | None = None,
    sort: bool = True,
) -> pd.DataFrame:
    """
    Result of :func:`kompot_scverse.tl.de` as a table, one row per gene analysed.

    Parameters
    ----------
    data
        Annotated data with a run of differential expression.
    mod
        Modality of a MuData; None for all that the run wrote to, one after the other.
    run_id
        Number of the run; negative numbers count from the last run of differential expression.
    fdr
        Keep genes with at most this false discovery rate: the q-value of the replicate test where the run has one, else
        that of the test of the cells, else the local rate of the distance.
    min_lfc
        Keep genes with at least this absolute mean log fold change (natural log).
    gene_symbols
        Column of var to add in front, for example with gene symbols where genes are named by identifiers.
    sort
        Put the most significant genes first: smallest p-value of the replicate test or, without replicates, of the test of
        the cells, else largest distance. False keeps the order of the genes.

    Returns
    -------
    Table with the genes as index and the columns `mahalanobis`, `mean_lfc` (natural log, group − reference) and, if the
    run has them, `pvalue` and `qvalue` (replicate test), `pvalue_cells` and `qvalue_cells` (test of the cells), `local_fdr`, `is_de`, `mahalanobis_pvalue` and `tail_fdr`. Genes
    that were not analysed are left out. Of a MuData without `mod`, with the modality in front, in the column `mod`.

    Raises
    ------
    LookupError
        If there is no such run, or its fields are gone.

    Warns
    -----
    UserWarning
        If a later run has overwritten fields of this run; the values are then those of the later run.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> kp.get.de_df(adata, fdr=0.05).columns.to_list()
    ['mahalanobis', 'mean_lfc', 'pvalue_cells', 'qvalue_cells', 'is_de']
    """
    check_arguments(de_df, locals())
    check_fraction("fdr", fdr)
    check_not_negative("min_lfc", min_lfc)
    tables = {}
    for part in run_frames(data, mod, run_id, "de"):
        table, fields = _table(part, fdr, min_lfc, gene_symbols)
        fields.warn()
        tables[part.mod] = _sorted(table) if sort else table
    if mod is not None or isinstance(data, AnnData):
        return next(iter(tables.values()))
    for name, table in tables.items():
        table.insert(0, "mod", name)
    return pd.concat(tables.values())


def _table(
    part: RunFrame, fdr: float | None, min_lfc: float | None, gene_symbols: str | None
) -> tuple[pd.DataFrame, RunFields]:
    """Genes of one modality, and what was read."""
    adata, fields = part.adata, RunFields(part.adata, part.run)
    again = "Call `kp.tl.de` again."
    wanted = [name for name, statistic in COLUMNS.items() if name in ALWAYS or fields.key("var", statistic) is not None]
    rate = next((name for name in ("qvalue", "qvalue_cells") if name in wanted), "local_fdr")
    if fdr is not None and rate not in wanted:
        raise LookupError(
            f"Run {fields.run.run_id} has no false discovery rates, which `fdr=` needs. "
            "Call `kp.tl.de` with `test=TestSettings(null_genes=2000)`, or with `sample_key=`."
        )
    columns = {name: np.asarray(fields.read("var", COLUMNS[name], again)) for name in wanted}
    table = pd.DataFrame(columns, index=adata.var_names)
    if gene_symbols is not None:
        if gene_symbols not in adata.var:
            raise missing("var column (`gene_symbols`)", gene_symbols, adata.var.columns)
        table = pd.concat([columns_of(adata.var, [gene_symbols]), table], axis=1)
    keep = table["mahalanobis"].notna()
    if fdr is not None:
        keep &= table[rate] <= fdr
    if min_lfc is not None:
        keep &= table["mean_lfc"].abs() >= min_lfc
    table = table[keep]
    if "is_de" in table:
        table = table.assign(is_de=table["is_de"].astype(bool))
    return table, fields


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """The most significant first."""
    table = table.sort_values("mahalanobis", ascending=False, kind="stable")
    by = next((name for name in ("pvalue", "pvalue_cells") if name in table), None)
    return table if by is None else table.sort_values(by, kind="stable")
