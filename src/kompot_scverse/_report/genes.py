"""The table of the genes that change most."""

from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse import get
from kompot_scverse._data.resolve import obs_column
from kompot_scverse._keys import column_name
from kompot_scverse._runs.markup import Html, joined

from .run import ReportedRun
from .tables import data_table

TITLES = {
    "gene": "gene", "mean_lfc": "mean LFC", "largest_lfc": "largest LFC", "pvalue": "p", "qvalue": "q", "pvalue_cells": "p (cells)",
    "qvalue_cells": "q (cells)", "local_fdr": "local FDR", "mahalanobis": "distance", "region_annotation": "mostly",
    "region_lfc": "LFC there", "region_cells": "cells there", "strongest": "strongest in", "strongest_lfc": "LFC in it",
    "influence_sample": "rests on", "influence_pvalue": "p without it",
}  # fmt: skip
FEWEST = 10
"""Genes that are shown even if fewer are called."""
TEXTS = {
    "mean_lfc": "Mean LFC: log fold change (natural log) averaged over the cells.",
    "qvalue": "q: false discovery rate of the test between samples.",
    "qvalue_cells": "q (cells): false discovery rate of the test of the cells.",
    "strongest": "Strongest in: category with the smallest p-value, and the LFC in it.",
    "region": "Region: where the change is clearest, the category that most of its cells have, and the LFC there.",
    "program": "Program: genes that change alike.",
    "influence_sample": "Rests on: the sample without which p changes most, and p without it.",
}
"""Columns of the table, in their order, that need a word."""
ORDER = (
    "mean_lfc", "largest_lfc", "highest", "qvalue", "qvalue_cells", "local_fdr", "strongest", "strongest_lfc", "region",
    "region_annotation", "region_lfc", "program", "influence_sample", "influence_pvalue",
)  # fmt: skip
BY_DISTANCE = ("mahalanobis", "mean_lfc")
"""Columns of runs without any rate."""


def gene_table(run: ReportedRun, genes: pd.DataFrame) -> Html:
    """The first genes with where they change and what the call rests on."""
    view = run.view
    options: dict[str, Any] = {"influence": view.has("influence_sample")}
    if run.cell_groups is not None and view.has("region"):
        options["annotate"] = run.cell_groups
    n_called = int(genes["is_de"].sum()) if "is_de" in genes else run.n_genes
    table = get.de_df(run.data, **run.chosen, **options).loc[genes.index[: min(max(n_called, FEWEST), run.n_genes)]]
    if "region_annotation" in table:
        table["region_annotation"] = run.told(table["region_annotation"], table["region"])
    numbers = pd.Index(view.data.var_names.astype(str)).get_indexer(table.index.astype(str))
    table = table.assign(**_strongest(run, numbers))
    if view.has("program"):
        table["program"] = view.read("program").astype(object).to_numpy()[numbers]
    weak = ~table["is_de"].to_numpy(dtype=bool) if "is_de" in table else None
    rates = any(name in table for name in ("qvalue", "qvalue_cells", "local_fdr"))
    table = table[[name for name in (ORDER if rates else BY_DISTANCE) if name in table]]
    shown = run.symbols()
    table.index = pd.Index([shown[str(name)] for name in table.index], name="gene")
    caption = joined(
        f"The first {len(table):,} of {len(genes):,} genes, the most significant first",
        ", called ones in full ink. " if weak is not None and weak.any() else ". ",
        " ".join(_texts(table)),
    )
    return data_table(table, name=f"{run.name}-genes-table", caption=caption, titles=TITLES, weak=weak)


def _texts(table: pd.DataFrame) -> list[str]:
    return [text for name, text in TEXTS.items() if name in table]


def _strongest(run: ReportedRun, numbers: np.ndarray) -> dict[str, Any]:
    """Category in which each gene changes most clearly."""
    view = run.view
    if view.omnibus or not view.is_there("group_mean_lfc") or not view.has("group_lfc_zscore"):
        return {}
    by, sign = ("group_pvalue", 1.0) if view.has("group_pvalue") else ("group_lfc_zscore", -1.0)
    score = view.read(by).iloc[numbers]
    lfc = view.read("group_mean_lfc").iloc[numbers]
    values = score.to_numpy(dtype=np.float64)
    values = np.where(np.isfinite(values), values if sign > 0 else -np.abs(values), np.inf)
    best, rows = values.argmin(axis=1), np.arange(len(numbers))
    known = np.isfinite(values[rows, best])
    names = pd.Series(_categories(run, lfc.columns)[best], dtype=object).where(known, None).to_numpy()
    return {"strongest": names, "strongest_lfc": np.where(known, lfc.to_numpy(dtype=np.float64)[rows, best], np.nan)}


def _categories(run: ReportedRun, columns: pd.Index) -> np.ndarray:
    """Categories as obs has them, where a table cannot name its columns so."""
    name = run.view.run.params.get("cell_groups")
    if name not in run.view.data.obs:
        return columns.to_numpy(dtype=object)
    categories = obs_column(run.view.data, str(name), "cell_groups").cat.categories
    known = {column_name(one, columns.name): str(one) for one in categories}
    return np.array([known.get(one, one) for one in columns], dtype=object)
