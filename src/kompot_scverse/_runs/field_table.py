"""What a run wrote and what has become of it."""

from typing import Any

import pandas as pd

from kompot_scverse._data.holders import holder
from kompot_scverse._data.protocol import AnnDataLike

from .history import iterate_runs, overwriter
from .run import Run

PRESENT, MISSING = "present", "missing"


def field_table(frame: AnnDataLike, run: Run) -> pd.DataFrame:
    """Everything a run wrote and what has become of it."""
    histories = {mod: list(iterate_runs(holder(frame, mod))) for mod in run.modalities}
    rows = [
        {**entry, "status": _status(holder(frame, mod), run, entry, histories[mod])}
        for entry in run.fields
        for mod in [entry.get("mod", "")]
    ]
    columns = ["slot", "key", "statistic", "description", "status"]
    return pd.DataFrame(rows, columns=["mod", *columns] if any(run.modalities) else columns, dtype=object)


def _status(own: Any, run: Run, entry: dict[str, str], history: list[Run]) -> str:
    if entry["key"] not in getattr(own, entry["slot"]):
        return MISSING
    writer = overwriter(history, run, entry["slot"], entry["key"])
    if writer is None:
        return PRESENT
    complete = [other for other in history if other.params.get("updated_run") is None]
    if overwriter(complete, run, entry["slot"], entry["key"]) is not None:
        return f"overwritten by run {writer.run_id}"
    # only runs on some genes, which have the same cells and basis
    if entry["slot"] not in ("var", "varm", "layers"):
        return PRESENT
    if entry["statistic"] in ("qvalue", "is_de") and (n := writer.summary.get("n_genes_in_qvalue")):
        return f"overwritten by run {writer.run_id}, adjusted over {n:,} genes"
    return f"overwritten by run {writer.run_id} for {writer.summary['n_genes']:,} genes"
