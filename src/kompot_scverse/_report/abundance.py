"""What a run of differential abundance has found."""

from kompot_scverse import get, pl
from kompot_scverse._runs.da_calls import da_calls
from kompot_scverse._runs.markup import Html, tag

from .figures import part, plotted
from .run import ReportedRun
from .samples import influence, sample_maps
from .sections import Section
from .tables import count, data_table

MAPS = {
    "lfc": "Log fold change of the density at each cell: red where there are more cells.",
    "lfc_direction": "Cells that are called, by the thresholds of the run.",
}
LEVEL_MAPS = {
    "largest_lfc": "Largest log fold change between two levels at each cell.",
    "highest": "Level with most cells.",
}
VOLCANO = "Every cell: log fold change of the density against its significance. Lines are the thresholds of the calls."
REGIONS = {"region": "region", "n_cells": "cells", "lfc": "LFC", "qvalue": "smallest q", "annotation": "mostly"}
SWARMS = "Each point is a cell, coloured by its direction: a category may hold cells of both."
SHARES = (
    "Share of whole categories in each sample, with the q-value between samples: what changes within a category does not "
    "show here."
)
DIAGNOSTICS = "Whether the assumptions hold: see kp.pl.diagnostics for how to read the panels."


def abundance(run: ReportedRun) -> Section:
    """Where there are more or fewer cells."""
    section = Section(run.title, run.name, [tag("p", cells_called(run), class_="lead")])

    def color(name: str) -> str:
        # statistics of levels have no short name
        return run.view.key(name) or name if run.view.omnibus else name

    maps = [
        plotted(run, text, pl.embedding, run.embedding, color=color(name), analysis="da")
        for name, text in (LEVEL_MAPS if run.view.omnibus else MAPS).items()
    ]
    section.add("Map", "map", tag("div", *maps, class_="tiles"))
    if not run.view.omnibus:
        section.add("Volcano plot", "volcano", plotted(run, VOLCANO, pl.volcano_da))
    section.add("Regions", "regions", *_regions(run))
    if run.cell_groups is not None and not run.view.omnibus:
        shown = [plotted(run, SWARMS, pl.beeswarm_da, run.cell_groups)]
        if run.replicates:
            shown.append(plotted(run, SHARES, pl.proportions, run.cell_groups))
        section.add(f"In categories of {run.cell_groups}", "categories", tag("div", *shown, class_="tiles"))
    section.add("Samples", "samples", *sample_maps(run, "da"), *influence(run, "da"))
    if not run.view.omnibus:
        section.add("Diagnostics", "diagnostics", plotted(run, DIAGNOSTICS, pl.diagnostics, analysis="da"))
    return section


def cells_called(run: ReportedRun) -> str:
    """In a sentence."""
    view = run.view
    if view.omnibus:
        return f"{count(view.run.summary['n_cells'])} cells; levels are compared together."
    calls = da_calls(view)
    cells = view.conditions()[0] | view.conditions()[1]
    found = calls.counts(cells)
    by = "q between samples" if calls.rule == "qvalue" else "posterior tail probability"
    rule = f"{by} ≤ {calls.level:g}{f' and |LFC| ≥ {calls.min_lfc:g}' if calls.min_lfc else ''}"
    changed = f"{found['up'] + found['down']:,} of {cells.sum():,} cells are in states"
    if view.effect is not None:
        return f"{changed} whose frequency changes ({found['up']:,} up, {found['down']:,} down; {view.difference}): {rule}."
    more = f"more ({found['up']:,}) or less ({found['down']:,}) frequent in {view.group} than in {view.reference}"
    return f"{changed} that are {more}: {rule}."


def _regions(run: ReportedRun) -> list[Html]:
    if not run.view.run.summary.get("regions"):
        return []
    table = part(get.regions, run.data, analysis="da", **run.chosen)
    if isinstance(table, Html):
        return [table]
    text = "Connected groups of cells that change in one direction."
    caption = "Cells by condition; LFC: mean log fold change over the cells."
    names = dict(zip(("n_reference", "n_group"), run.view.roles.values(), strict=False))
    return [
        plotted(run, text, pl.regions, run.embedding, analysis="da"),
        data_table(table, name=f"{run.name}-da-regions", caption=caption, titles=REGIONS | names),
    ]
