"""The samples of a contrast and what is known of them."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from kompot_scverse._data.resolve import obs_column
from kompot_scverse._data.sample_table import first_cells
from kompot_scverse._data.tables import column_of
from kompot_scverse._runs.markup import Html, joined, tag

from .run import ReportedRun
from .tables import count, data_table

MAX_COLUMNS = 8
"""Columns of obs that describe samples."""


def design(runs: Sequence[ReportedRun]) -> Iterator[Html]:
    """A table for each set of samples that runs compare."""
    told: dict[str, list[ReportedRun]] = {}
    for run in runs:
        own = run.view.run
        told.setdefault(f"{own.contrast.get('groupby')}{own.cells}{run.view.mod}", []).append(run)
    for number, of_design in enumerate(told.values()):
        yield _of_design(of_design, f"samples-{number}")


def _of_design(runs: Sequence[ReportedRun], name: str) -> Html:
    first = runs[0].view.run
    conditions, samples = first.cells.get("conditions", {}), first.cells.get("samples", {})
    compared = " and ".join(f"{condition} ({count(n)} cells)" for condition, n in conditions.items())
    which = ", ".join(str(number) for number in dict.fromkeys(run.view.run.run_id for run in runs))
    text = joined(
        f"Run{'s' if ',' in which else ''} {which}: ",
        tag("b", runs[0].view.title),
        f" of {first.contrast.get('groupby', 'all cells')}; {compared}.",
    )
    if not samples:
        return tag("p", text, " No samples.")
    table = _samples(runs[0], samples)
    key = str(first.params.get("sample_key"))
    paired = (
        " Samples with the same name in both conditions are compared with each other."
        if first.params.get("paired")
        else ""
    )
    extra = first.params.get("covariates") or []
    held = f" Held constant: {', '.join(map(str, extra))}." if extra and extra != "none" else ""
    titles = {"the sample": key, "the condition": str(first.contrast.get("groupby")), "n cells": "cells"}
    unlisted = sum(n for name, n in first.cells.items() if name.endswith("_not_listed"))
    more = f" {unlisted:,} more samples are not listed." if unlisted else ""
    caption = joined(text, f" Samples are the values of obs column “{key}”.{paired}{held}{more}")
    return data_table(table, name=name, caption=caption, titles=titles, bar="n cells")


def _samples(run: ReportedRun, samples: dict[str, dict[str, int]]) -> pd.DataFrame:
    """A row for each sample, with the columns of obs that have one value in each; names that no such column has."""
    rows = [
        {"the sample": sample, "the condition": condition, "n cells": n}
        for condition, of_condition in samples.items()
        for sample, n in of_condition.items()
    ]
    table = pd.DataFrame(rows).set_index("the sample")
    if run.view.effect is not None:
        table = table.drop(columns="the condition")
    key, groupby = run.view.run.params.get("sample_key"), run.view.groupby
    try:
        of_cells = obs_column(run.view.data, str(key), "sample_key").astype(str).to_numpy()
    except KeyError:  # renamed or deleted since
        return table
    by_condition = run.view.effect is None
    if by_condition:
        of_cells = of_cells + "\n" + obs_column(run.view.data, groupby, "groupby").astype(str).to_numpy()
        wanted = (table.index + "\n" + table["the condition"]).to_numpy(dtype=str)
    else:
        wanted = table.index.to_numpy(dtype=str)
    codes = pd.Index(wanted).get_indexer(of_cells)
    cells = np.flatnonzero(codes >= 0)
    if len(np.unique(codes[cells])) < len(wanted):
        return table
    # not joined: samples of both conditions may have one name
    return pd.concat([table, _constant(run, codes, cells, {str(key), groupby}).set_axis(table.index)], axis=1)


def _constant(run: ReportedRun, codes: np.ndarray, cells: np.ndarray, known: set[str]) -> pd.DataFrame:
    """Columns of obs with one value in each sample and several in all."""
    written = {entry["key"] for one in run.view.history for entry in one.fields if entry["slot"] == "obs"}
    first = first_cells(codes, codes.max() + 1)
    found: dict[str, np.ndarray] = {}
    for name in run.view.data.obs.columns:
        if name in known or name in written or len(found) == MAX_COLUMNS:
            continue
        values = column_of(run.view.data.obs, name)
        labels = pd.factorize(values)[0]
        if (labels[cells] == labels[first][codes[cells]]).all() and len(np.unique(labels[first])) > 1:
            found[str(name)] = values.iloc[first].to_numpy()
    return pd.DataFrame(found, index=range(len(first)))
