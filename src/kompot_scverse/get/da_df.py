"""Differential abundance as a table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_arguments, check_fraction, check_not_negative, listed
from kompot_scverse._data.resolve import obs_values
from kompot_scverse._results.da_fields import DIRECTIONS
from kompot_scverse._runs.run_fields import RunFields
from kompot_scverse._runs.run_frames import one_run_frame

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["da_df"]

COLUMNS = {
    "lfc": "lfc",
    "lfc_zscore": "lfc_zscore",
    "neg_log10_lfc_ptp": "neg_log10_lfc_ptp",
    "lfsr": "lfsr",
    "pvalue": "lfc_pvalue",
    "qvalue": "lfc_qvalue",
    "neighborhood_lfc": "neighborhood_lfc",
    "direction": "lfc_direction",
    "log_ratio_reference": "reference_log_ratio",
    "log_ratio_group": "group_log_ratio",
    "log_density_reference": "reference_log_density",
    "log_density_group": "group_log_density",
}
"""Columns of the table and the statistics of a run that they hold."""
ALWAYS = ("lfc", "lfc_zscore", "neg_log10_lfc_ptp", "direction")
"""Columns of every run; the others depend on its method, and on whether it has replicates."""


def da_df(
    data: "AnnData | MuData",
    *,
    mod: str | None = None,
    run_id: int = -1,
    obs_columns: str | Sequence[str] = (),
    direction: str | Sequence[str] | None = None,
    ptp: float | None = None,
    fdr: float | None = None,
    min_lfc: float | None = None,
    sort: bool = True,
) -> pd.DataFrame:
    """
    Result of :func:`kompot_scverse.tl.da` as a table, one row per cell.

    Parameters
    ----------
    data
        Annotated data with a run of differential abundance.
    mod
        Modality of a MuData, for runs on its representation; None for the last run, whatever it was made on.
    run_id
        Number of the run; negative numbers count from the last run of differential abundance.
    obs_columns
        Columns of obs to add, for example the cell type.
    direction
        Keep cells of these directions: `"up"`, `"down"`, `"neutral"`.
    ptp
        Keep cells with at most this posterior tail probability.
    fdr
        Keep cells with at most this q-value of the replicate test.
    min_lfc
        Keep cells with at least this absolute log fold change (natural log).
    sort
        Put the most significant cells first: smallest p-value of the replicate test where the run has one, else smallest
        posterior tail probability. False keeps the order of the cells.

    Returns
    -------
    Table with the cells as index and the columns `lfc` (natural log, group − reference), `lfc_zscore`,
    `neg_log10_lfc_ptp`, `lfsr`, with replicates `pvalue`, `qvalue` and `neighborhood_lfc` (the effect) of their test, `direction`, `log_ratio_reference`, `log_ratio_group` (with
    `method="density"` instead of them and of lfsr `log_density_reference`, `log_density_group`), then those of `obs_columns`. Cells
    without a state have missing values; any filter leaves them out.

    Raises
    ------
    LookupError
        If there is no such run, or its fields are gone.
    KeyError
        If a column does not exist.

    Warns
    -----
    UserWarning
        If a later run has overwritten fields of this run; the values are then those of the later run.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.da(adata, "Age", reference="Young", groups="Old")
    >>> len(kp.get.da_df(adata, obs_columns="celltype"))
    600
    """
    check_arguments(da_df, locals())
    check_fraction("ptp", ptp)
    check_fraction("fdr", fdr)
    check_not_negative("min_lfc", min_lfc)
    part = one_run_frame(data, mod, run_id, "da")
    adata, fields = part.adata, RunFields(part.adata, part.run)
    again = "Call `kp.tl.da` again."
    tested = fields.key("obs", "lfc_qvalue") is not None
    if fdr is not None and not tested:
        raise LookupError(
            f"Run {fields.run.run_id} has no q-values, which `fdr=` needs. Call `kp.tl.da` with `sample_key=`."
        )
    columns = {
        name: fields.read("obs", statistic, again)
        for name, statistic in COLUMNS.items()
        if name in ALWAYS or fields.key("obs", statistic) is not None
    }
    # subsetting drops categories without cells, and may have turned the column into text
    columns["direction"] = pd.Categorical(columns["direction"], categories=list(DIRECTIONS), ordered=True)
    table = pd.DataFrame(columns, index=adata.obs_names)
    added = {}
    for name in listed("obs_columns", obs_columns, str):
        added[name] = obs_values(adata, name, "obs_columns")
        if name in table:
            raise ValueError(
                f"`obs_columns` names {name!r}, which is a column of the result already; rename it in obs."
            )
    table = table.assign(**{name: column.array for name, column in added.items()})
    keep = _keep(table, direction, {"ptp": ptp, "fdr": fdr}, min_lfc)
    fields.warn()
    table = table[keep]
    if not sort:
        return table
    table = table.sort_values("neg_log10_lfc_ptp", ascending=False, kind="stable")
    return table.sort_values("pvalue", kind="stable") if tested else table


def _keep(
    table: pd.DataFrame,
    direction: str | Sequence[str] | None,
    limits: dict[str, float | None],
    min_lfc: float | None,
) -> np.ndarray:
    """Which cells pass the filters."""
    keep = np.ones(len(table), dtype=bool)
    if direction is not None:
        wanted = listed("direction", direction, str)
        for name in wanted:
            if name not in DIRECTIONS:
                raise ValueError(f"`direction` must be 'up', 'down' or 'neutral' (or several), not {name!r}.")
        keep &= table["direction"].isin(wanted).to_numpy()
    for name, limit in limits.items():
        if limit is None:
            continue
        passed = table["neg_log10_lfc_ptp"] >= -np.log10(limit) if name == "ptp" else table["qvalue"] <= limit
        keep &= passed.to_numpy()
    if min_lfc is not None:
        keep &= (table["lfc"].abs() >= min_lfc).to_numpy()
    return keep
