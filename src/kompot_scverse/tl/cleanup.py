"""Dropping large results."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._data.errors import missing
from kompot_scverse._data.provenance import Run, find_run, iterate_runs, overwriter
from kompot_scverse._data.resolve import check_anndata
from kompot_scverse._data.store import drop

__all__ = ["cleanup"]

logger = logging.getLogger("kompot_scverse")

COLUMNS = ["run_id", "slot", "key", "statistic", "held", "bytes"]


def cleanup(
    data: AnnData,
    run_ids: int | Sequence[int] | None = None,
    analysis: str | None = None,
    keep: str | Sequence[str] = (),
) -> pd.DataFrame:
    """
    Drop the large fields of runs: layers, and the replicates' weights (`sample_weights` in varm).

    Summary columns, basis, weights and the runs themselves stay, so that :func:`restore_layers` can attach the layers of
    smoothed expression and fold change again; those of the standard deviation with replicates need the replicates'
    weights: keep these with `keep="sample_weights"`. Fields that a later run has overwritten belong to that run. Files of
    `StorageSettings(layers="disk")` are deleted with the data, not here, since copies of the data may read them.

    Parameters
    ----------
    data
        Annotated data; changed in place.
    run_ids
        Runs; negative numbers count from the last run of `analysis`. None for all.
    analysis
        Only runs of `"de"`, `"da"` or `"smooth"`.
    keep
        What not to drop: keys, statistics (`"fold_change"`, `"imputed"`, `"std"`, `"sample_weights"`), or slots.

    Returns
    -------
    One row per dropped field: run_id, slot, key, statistic, how it was held (lazy or memory), and its bytes, which for
    a lazy field are those it would have taken once read or written.

    Raises
    ------
    LookupError
        If a run does not exist.
    KeyError
        If `keep` names nothing of these runs.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> kp.tl.cleanup(adata, keep="fold_change")["statistic"].to_list()
    ['reference_imputed', 'group_imputed']
    """
    adata = check_anndata(data)
    history = list(iterate_runs(adata))
    kept = [keep] if isinstance(keep, str) else list(keep)
    _check_keep(kept, [entry for run in history for entry in run.fields if _is_large(entry)])
    rows: dict[tuple[str, str], tuple] = {}
    for run in _choose(adata, run_ids, analysis, history):
        for entry in run.fields:
            place = entry["slot"], entry["key"]
            if not _is_large(entry) or any(_matches(entry, name) for name in kept) or place in rows:
                continue
            if entry["key"] in getattr(adata, entry["slot"]) and overwriter(history, run, *place) is None:
                value = getattr(adata, entry["slot"])[entry["key"]]
                rows[place] = (
                    run.run_id,
                    *place,
                    entry["statistic"],
                    "lazy" if hasattr(value, "dask") else "memory",
                    _size(value),
                )
    drop(adata, list(rows))
    table = pd.DataFrame(list(rows.values()), columns=COLUMNS)
    _report(table)
    return table


def _choose(adata: AnnData, run_ids: int | Sequence[int] | None, analysis: str | None, history: list[Run]) -> list[Run]:
    if run_ids is None:
        return [run for run in history if analysis is None or run.analysis == analysis]
    numbers = [run_ids] if isinstance(run_ids, int | np.integer) else run_ids
    return [find_run(adata, int(number), analysis) for number in numbers]


def _is_large(entry: dict[str, str]) -> bool:
    return entry["slot"] == "layers" or entry["statistic"].endswith("sample_weights")


def _matches(entry: dict[str, str], name: str) -> bool:
    plain = entry["statistic"].removeprefix("reference_").removeprefix("group_")
    return name in (entry["slot"], entry["key"], entry["statistic"], plain)


def _check_keep(kept: list[str], entries: list[dict[str, str]]) -> None:
    for name in kept:
        if entries and not any(_matches(entry, name) for entry in entries):
            plain = {entry["statistic"].removeprefix("reference_").removeprefix("group_") for entry in entries}
            raise missing("large field (`keep`)", name, sorted(plain | {entry["key"] for entry in entries}))


def _size(value: Any) -> int:
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    return int(value.data.nbytes)


def _report(table: pd.DataFrame) -> None:
    totals = table.groupby("held")["bytes"].agg(["size", "sum"])
    parts = []
    if "memory" in totals.index:
        parts.append(f"{totals.loc['memory', 'size']} in memory ({totals.loc['memory', 'sum'] / 1e6:,.1f} MB)")
    if "lazy" in totals.index:
        parts.append(f"{totals.loc['lazy', 'size']} lazy ({totals.loc['lazy', 'sum'] / 1e6:,.1f} MB if written)")
    if parts:
        logger.info("Dropped %d fields: %s.", len(table), ", ".join(parts))
    else:
        logger.info("Nothing to drop.")
