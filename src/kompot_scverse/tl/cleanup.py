"""Dropping large results."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pandas as pd
from anndata import AnnData

from kompot_scverse._arguments import listed
from kompot_scverse._data.errors import missing
from kompot_scverse._data.holders import Data, whole
from kompot_scverse._messages import logger
from kompot_scverse._results.store import drop
from kompot_scverse._runs.find import all_views, find_views
from kompot_scverse._runs.history import overwriter
from kompot_scverse._runs.view import RunView

COLUMNS = ["run_id", "slot", "key", "statistic", "held", "bytes"]


def cleanup(
    data: Data,
    run_ids: int | Sequence[int] | None = None,
    *,
    analysis: Literal["de", "da", "smooth"] | None = None,
    keep: str | Sequence[str] = (),
    mod: str | None = None,
) -> pd.DataFrame:
    """
    Drop the large fields of runs: layers, and the replicates' weights (`sample_weights` in varm).

    Summary columns, basis, weights and the runs themselves stay, so that :func:`restore_layers` can attach the layers of
    smoothed expression and fold change again. Layers of the standard deviation with replicates are computed from the
    expression where the replicates' weights are not kept (`keep="sample_weights"`). Fields that a later run has overwritten belong to that
    run. Files of `StorageSettings(layers="disk")` stay until the data are deleted, since copies of the data may read them.

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
    mod
        Modality of a MuData; None for all.

    Returns
    -------
    One row per dropped field: run_id, slot, key, statistic, how it was held (lazy or memory), and its bytes, which for
    a lazy field are those it would take in memory or in a file. For a MuData, the modality stands in front.

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
    ['reference_imputed', 'reference_std', 'group_imputed', 'group_std', 'fold_change_std', 'lfsr']
    """
    kept, views = listed("keep", keep, str), all_views(data, mod)
    _check_keep(kept, [entry for view in views for entry in view.run.fields if _is_large(entry)])
    rows: dict[tuple[str, str, str], tuple] = {}
    if run_ids is None:
        views = [view for view in views if analysis in (None, view.run.analysis)]
    else:
        numbers = [int(number) for number in listed("run_ids", run_ids, int)]
        views = [view for number in numbers for view in find_views(data, analysis, run_id=number, mod=mod)]
    for view in views:
        rows |= {place: row for place, row in _large_fields(view, kept) if place not in rows}
    drop(whole(data), list(rows))
    table = pd.DataFrame(list(rows.values()), columns=["mod", *COLUMNS])
    _report(table)
    return table[COLUMNS] if isinstance(data, AnnData) else table


def _large_fields(view: RunView, kept: list[str]) -> Iterator[tuple[tuple[str, str, str], tuple]]:
    """Places (modality, slot, key) and rows of the table, of what is to be dropped."""
    own, run = view.own, view.run
    for entry in run.fields:
        slot, key = entry["slot"], entry["key"]
        if not _is_large(entry) or any(_matches(entry, name) for name in kept):
            continue
        if key in getattr(own, slot) and overwriter(view.history, run, slot, key, changed=False) is None:
            value = getattr(own, slot)[key]
            held = "lazy" if hasattr(value, "dask") else "memory"
            yield (view.mod, slot, key), (view.mod, run.run_id, slot, key, entry["statistic"], held, _size(value))


def _is_large(entry: dict[str, str]) -> bool:
    return entry["slot"] == "layers" or entry["statistic"].endswith("sample_weights")


def _matches(entry: dict[str, str], name: str) -> bool:
    plain = entry["statistic"].removeprefix("reference_").removeprefix("group_")
    return name in (entry["slot"], entry["key"], entry["statistic"], plain)


def _check_keep(kept: list[str], entries: list[dict[str, str]]) -> None:
    for name in kept:
        # the weights of replicates, which a run need not have, can be named for any
        if entries and name != "sample_weights" and not any(_matches(entry, name) for entry in entries):
            plain = {entry["statistic"].removeprefix("reference_").removeprefix("group_") for entry in entries}
            raise missing("large field (`keep`)", name, sorted(plain | {entry["key"] for entry in entries}))


def _size(value: Any) -> int:
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    return int(value.data.nbytes)


def _report(table: pd.DataFrame) -> None:
    parts = []
    for held, text in {"memory": "in memory ({:,.1f} MB)", "lazy": "lazy ({:,.1f} MB if written)"}.items():
        sizes = table.loc[table["held"] == held, "bytes"]
        if len(sizes):
            parts.append(f"{len(sizes)} {text.format(sizes.sum() / 1e6)}")
    if parts:
        logger.info("Dropped %d fields: %s.", len(table), ", ".join(parts))
    else:
        logger.info("Nothing to drop.")
