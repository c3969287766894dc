"""Whether the samples agree."""

from typing import Literal

import pandas as pd

from kompot_scverse import get, pl
from kompot_scverse._runs.markup import Html, tag

from .figures import plotted
from .run import ReportedRun
from .tables import data_table

INFLUENCE = {"without": "left out", "n_lost": "calls lost", "n_resting": "lost without it only"}
CLUSTERS = "How far the samples are from each other, with one permutation test of what the run tested."
POINTS = "The same distances in the two dimensions that keep most of them."


def sample_maps(run: ReportedRun, analysis: Literal["da", "de"]) -> list[Html]:
    """Distances between samples, where the run has kept them."""
    if "samples" not in run.view.run.diagnostics:
        return []
    shown = [
        plotted(run, CLUSTERS, pl.samples, analysis=analysis),
        plotted(run, POINTS, pl.samples, analysis=analysis, kind="mds"),
    ]
    return [tag("div", *shown, class_="tiles")]


def samples(run: ReportedRun, genes: pd.Index) -> list[Html]:
    """Genes in each sample."""
    found, view = [], run.view
    params, shown = view.run.params, run.symbols()
    numeric = [name for name in params.get("variables", ()) if name not in params["categories"]]
    for gene in map(str, genes if run.replicates and run.cell_groups is not None else ()):
        if view.effect is None:
            text = f"{shown[gene]} in each sample: whether the change holds in all of them."
            found.append(plotted(run, text, pl.replicates, gene, along=run.cell_groups))
        elif numeric:
            text = f"{shown[gene]} along {numeric[0]}, with the samples as points."
            found.append(plotted(run, text, pl.trend, gene, variable=numeric[0], cell_groups=run.cell_groups))
    return found


def influence(run: ReportedRun, analysis: Literal["da", "de"]) -> list[Html]:
    """The test without each sample, where that was asked for."""
    if not run.view.run.summary.get("influence"):
        return []
    table = get.influence(run.data, analysis=analysis, **run.chosen)
    what = "cells" if analysis == "da" else "genes"
    caption = f"The test repeated without each sample: how many of the called {what} are no longer called."
    return [data_table(table, name=f"{run.name}-influence", caption=caption, titles=INFLUENCE)]
