"""Runs as a table."""

from typing import Any

import pandas as pd
from anndata import AnnData

from kompot_scverse._data.holders import Data
from kompot_scverse._runs.find import all_views
from kompot_scverse._runs.run import Run

COLUMNS = [
    "analysis", "key_added", "groupby", "reference", "group", "sample_key", "use_rep", "layer", "n_cells", "rank",
    "n_supported", "n_de", "n_up", "n_down", "n_fields", "time",
]  # fmt: skip
INTEGERS = ["n_cells", "rank", "n_supported", "n_de", "n_up", "n_down", "n_fields"]


def runs(data: Data, *, mod: str | None = None) -> pd.DataFrame:
    """
    All runs recorded in the data, one row each, oldest first.

    Parameters
    ----------
    data
        Annotated data.
    mod
        Modality of a MuData; None for all, with one row for each modality that a run wrote to.

    Returns
    -------
    Table with the run's number as index: the analysis (de, da or smooth), `key_added`, what was compared, the
    representation and layer used, numbers of cells, of those with a supported fold change (de), of genes (de) or cells (da) found up and down, and of fields written,
    and when. Missing where an analysis has no such entry; empty if there are no runs. For a MuData without `mod`, the
    column `mod` with the modality stands in front; it is empty for runs on joint cell states.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young")
    >>> kp.get.runs(adata)["group"].to_list()
    ['Mid', 'Old']
    """
    views = all_views(data, mod)
    table = pd.DataFrame(
        [{"mod": view.mod} | _row(view.run) for view in views],
        index=pd.Index([view.run.run_id for view in views], name="run_id", dtype="int64"),
        columns=COLUMNS if mod is not None or isinstance(data, AnnData) else ["mod", *COLUMNS],
    )
    return table.astype(dict.fromkeys(INTEGERS, "Int64"))


def _row(run: Run) -> dict[str, Any]:
    row: dict[str, Any] = {"analysis": run.analysis, "key_added": run.key_added}
    row |= {name: run.contrast.get(name) or None for name in ("groupby", "reference")}
    row["group"] = run.group
    row |= {name: run.params.get(name) for name in ("sample_key", "use_rep", "layer", "rank")}
    row |= {name: run.summary.get(name) for name in ("n_supported", "n_de", "n_up", "n_down")}
    row["n_cells"] = sum(run.cells.get("conditions", {}).values())
    row["n_fields"] = len(run.fields)
    row["time"] = run.time
    return row
