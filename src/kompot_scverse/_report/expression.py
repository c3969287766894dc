"""What a run of differential expression has found."""

import pandas as pd

from kompot_scverse import get, pl
from kompot_scverse._runs.markup import Html, tag

from .figures import part, plotted
from .genes import gene_table
from .run import ReportedRun
from .samples import influence, sample_maps, samples
from .sections import Section
from .sets import gene_sets, programs
from .tables import count, data_table

MAPS = 6
"""Genes that are drawn on the embedding."""
LABELS = 15
VOLCANO = "Every gene: mean log fold change over the cells against its significance; called genes in colour."
REGIONS = {
    "n_cells": "cells", "n_genes": "genes", "n_up": "up", "n_down": "down", "genes": "first genes", "annotation": "mostly",
    "da_lfc": "LFC of density", "da_qvalue": "its q",
}  # fmt: skip
REGION_MAPS = (
    "The regions with most genes: weight of each cell, and the most significant genes that change there most clearly."
)
REGION_VOLCANO = "The genes by the region that they change in."
REGION_TEXT = "Regions with called genes: neighbourhoods of the cell states, and groups of them. Cells are also given by condition."
DIAGNOSTICS = "Whether the assumptions hold: see kp.pl.diagnostics for how to read the panels."


def expression(run: ReportedRun) -> Section:
    """Which genes change, where, together with which, and in which samples."""
    section = Section(run.title, run.name, [tag("p", genes_called(run), class_="lead")])
    volcano = plotted(run, VOLCANO, pl.volcano_de, labels=LABELS, **run.symbol_options)
    section.add("Volcano plot", "volcano", volcano)
    genes = part(get.de_df, run.data, **run.chosen)
    if isinstance(genes, Html):
        section.add("Genes", "genes", genes)
        return section
    section.add("Genes", "genes", part(gene_table, run, genes))
    called = genes.index[genes["is_de"]] if "is_de" in genes else genes.index
    section.add("Where they change", "maps", *_maps(run, called[:MAPS]))
    section.add("Regions", "regions", *_regions(run))
    if run.cell_groups is not None and not run.view.omnibus and len(genes):
        section.add(f"In categories of {run.cell_groups}", "categories", _categories(run, run.cell_groups))
    section.add("Programs", "programs", *programs(run))
    section.add("Gene sets", "sets", *gene_sets(run))
    section.add("Samples", "samples", *sample_maps(run, "de"), *samples(run, genes.index[:1]), *influence(run, "de"))
    section.add("Diagnostics", "diagnostics", plotted(run, DIAGNOSTICS, pl.diagnostics, analysis="de"))
    return section


def genes_called(run: ReportedRun) -> str:
    """In a sentence."""
    view, summary = run.view, run.view.run.summary
    tested = summary.get("n_genes_tested", summary.get("n_genes", view.data.n_vars))
    if "n_de" not in summary:
        return f"{count(tested)} genes; the run has no false discovery rates."
    sides = f" ({count(summary['n_up'])} up, {count(summary['n_down'])} down)" if "n_up" in summary else ""
    by = "q between samples" if view.has("qvalue") else "q of the cells" if view.has("qvalue_cells") else "local FDR"
    return (
        f"{count(summary['n_de'])} of {count(tested)} genes change{sides}: {by} ≤ {view.run.params['fdr_threshold']:g}."
    )


def _maps(run: ReportedRun, genes: pd.Index) -> list[Html]:
    if len(genes) == 0 or run.view.omnibus:
        return []
    shown = run.symbols()
    tiles = [
        plotted(
            run,
            f"Log fold change of {shown[gene]} at each cell.",
            pl.embedding,
            run.embedding,
            color=gene,
            analysis="de",
        )
        for gene in map(str, genes)
    ]
    return [tag("div", *tiles, class_="tiles")]


def _regions(run: ReportedRun) -> list[Html]:
    if not run.view.has("region") or not run.view.run.summary.get("n_de"):
        return []
    table = part(get.regions, run.data, annotate=run.cell_groups, **run.chosen)
    if isinstance(table, Html):
        return [table]
    table = table[table["n_genes"] > 0].drop(columns="n_neighborhoods")
    if "annotation" in table:
        table["annotation"] = run.told(table["annotation"], table.index)
    names = dict(zip(("n_reference", "n_group"), run.view.roles.values(), strict=False))
    volcano = {"color": "region", "labels": LABELS} | run.symbol_options
    return [
        *([] if run.view.omnibus else [plotted(run, REGION_VOLCANO, pl.volcano_de, **volcano)]),
        plotted(run, REGION_MAPS, pl.regions, run.embedding, ncols=2 if len(table) in (2, 4) else 3),
        data_table(table, name=f"{run.name}-regions-table", caption=REGION_TEXT, titles=REGIONS | names),
    ]


def _categories(run: ReportedRun, column: str) -> Html:
    kind = "split" if run.view.effect is None else "fold_change"
    text = "The most significant genes of either direction in each category."
    shown = [plotted(run, text, pl.heatmap, column, kind=kind, n_genes=25, **run.symbol_options)]
    if run.view.has("group_qvalue") and run.view.run.params.get("cell_groups") == column:
        text = "Called genes in each category. Categories with more cells have more power."
        shown.append(plotted(run, text, pl.gene_barplot))
    return tag("div", *shown, class_="tiles")
