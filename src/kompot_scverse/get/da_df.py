"""Differential abundance as a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_fraction, check_not_negative, listed
from kompot_scverse._data.holders import Data
from kompot_scverse._data.resolve import obs_values
from kompot_scverse._keys import DIRECTIONS
from kompot_scverse._runs.find import find_views
from kompot_scverse._runs.view import RunView

from ._tables import joined, to_log2

COLUMNS = {
    "lfc": "lfc",
    "lfc_zscore": "lfc_zscore",
    "neg_log10_lfc_ptp": "neg_log10_lfc_ptp",
    "lfsr": "lfsr",
    "pvalue": "lfc_pvalue",
    "qvalue": "lfc_qvalue",
    "neighborhood_lfc": "neighborhood_lfc",
    "largest_lfc": "largest_lfc",
    "neighborhood_largest_lfc": "neighborhood_largest_lfc",
    "highest": "highest",
    "direction": "lfc_direction",
    "log_ratio_reference": "reference_log_ratio",
    "log_ratio_group": "group_log_ratio",
    "log_density_reference": "reference_log_density",
    "log_density_group": "group_log_density",
}
"""Columns of the table and the statistics of a run that they hold."""
ALWAYS = ("lfc", "lfc_zscore", "neg_log10_lfc_ptp", "direction")
"""Columns of every run; the others depend on its method, and on whether it has replicates."""
NATURAL_LOGS = (
    "lfc", "neighborhood_lfc", "largest_lfc", "neighborhood_largest_lfc", "log_ratio_reference", "log_ratio_group", "log_density_reference", "log_density_group",
)  # fmt: skip


def da_df(
    data: Data,
    *,
    run_id: int | None = None,
    key_added: str | None = None,
    group: object = None,
    mod: str | None = None,
    obs_columns: str | Sequence[str] = (),
    direction: str | Sequence[str] | None = None,
    max_fdr: float | None = None,
    max_ptp: float | None = None,
    min_lfc: float | None = None,
    log2: bool = False,
    sort: bool = True,
) -> pd.DataFrame:
    """
    Result of :func:`kompot_scverse.tl.da` as a table, one row per cell.

    Parameters
    ----------
    data
        Annotated data with a run of differential abundance.
    run_id, key_added, group
        Which run: its number (negative ones count from the end of those that match), its prefix, the group of its
        contrast. None of them: all contrasts of the last call, one below the other.
    mod
        Modality of a MuData, for runs on its representation; None for the last run, whatever it was made on.
    obs_columns
        Columns of obs to add, for example the cell type.
    direction
        Keep cells of these directions: `"up"`, `"down"`, `"neutral"`.
    max_ptp
        Keep cells with at most this posterior tail probability.
    max_fdr
        Keep cells with at most this q-value of the replicate test.
    min_lfc
        Keep cells with at least this absolute log fold change, in the units of the table.
    log2
        Log fold changes, log ratios and log densities as log2; False for natural logs, as they are stored.
    sort
        Put the most significant cells first: smallest p-value of the replicate test where the run has one, else smallest
        posterior tail probability. False keeps the order of the cells.

    Returns
    -------
    Table with the cells as index and the columns `lfc` (natural log, group − reference), `lfc_zscore`,
    `neg_log10_lfc_ptp`, `lfsr`, with replicates `pvalue`, `qvalue` and `neighborhood_lfc` (the effect) of their test, `direction`, `log_ratio_reference`, `log_ratio_group` (with
    `method="density"` instead of them and of lfsr `log_density_reference`, `log_density_group`), then those of `obs_columns`. Cells
    without a state have missing values; any filter leaves them out. If there are several contrasts, the column `group`
    stands in front.

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
    check_fraction("max_ptp", max_ptp)
    check_fraction("max_fdr", max_fdr)
    check_not_negative("min_lfc", min_lfc)
    views = find_views(data, "da", run_id=run_id, key_added=key_added, group=group, mod=mod)
    tables = []
    for view in views:
        if max_fdr is not None and not view.has("lfc_qvalue"):
            raise LookupError(f"No q-values of {view.name}, which `max_fdr=` needs; call `{view.call('lfc_qvalue')}`.")
        if view.omnibus and (direction is not None or max_ptp is not None):
            raise LookupError(
                f"{view.capitalised} tests several contrasts together, which have no direction and no tail "
                "probability; choose cells by `max_fdr=` or `min_lfc=`."
            )
        table = _table(view)
        if log2:
            table = to_log2(table, NATURAL_LOGS)
        table = _with_columns(view, table, listed("obs_columns", obs_columns, str))
        table = table[_keep(table, direction, max_ptp, max_fdr, min_lfc)]
        tables.append(_sorted(table) if sort else table)
        view.warn()
    return joined(views, tables, by_mod=False)


def _table(view: RunView) -> pd.DataFrame:
    """The cells of one run."""
    always = () if view.omnibus else ALWAYS
    wanted = {name: statistic for name, statistic in COLUMNS.items() if name in always or view.has(statistic)}
    columns = {name: view.read(statistic).array for name, statistic in wanted.items()}
    # subsetting drops categories without cells, and may have turned the column into text
    if "direction" in columns:
        columns["direction"] = pd.Categorical(columns["direction"], categories=list(DIRECTIONS), ordered=True)
    return pd.DataFrame(columns, index=view.data.obs_names)


def _with_columns(view: RunView, table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """With columns of obs."""
    added = {}
    for name in names:
        added[name] = obs_values(view.data, name, "obs_columns").array
        if name in table:
            raise ValueError(
                f"`obs_columns` names {name!r}, which is a column of the result already; rename it in obs."
            )
    return table.assign(**added)


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """The most significant first."""
    by = "neg_log10_lfc_ptp" if "neg_log10_lfc_ptp" in table else "largest_lfc"
    table = table.sort_values(by, ascending=False, kind="stable")
    return table.sort_values("pvalue", kind="stable") if "pvalue" in table else table


def _keep(
    table: pd.DataFrame,
    direction: str | Sequence[str] | None,
    max_ptp: float | None,
    max_fdr: float | None,
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
    if max_ptp is not None:
        keep &= (table["neg_log10_lfc_ptp"] >= -np.log10(max_ptp)).to_numpy()
    if max_fdr is not None:
        keep &= (table["qvalue"] <= max_fdr).to_numpy()
    if min_lfc is not None:
        keep &= (table["lfc" if "lfc" in table else "largest_lfc"].abs() >= min_lfc).to_numpy()
    return keep
