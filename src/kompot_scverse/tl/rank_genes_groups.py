"""A run of differential expression in the format of scanpy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import listed
from kompot_scverse._data.holders import Data, check_changeable, check_data, holder
from kompot_scverse._keys import check_key
from kompot_scverse._runs.find import find_view, find_views
from kompot_scverse._runs.record import UNS_KEY
from kompot_scverse._runs.view import RunView

DTYPES = {"names": "O", "scores": "float32", "logfoldchanges": "float32", "pvals": "float64", "pvals_adj": "float64"}
"""Of scanpy's arrays."""
SIGNIFICANCE = [
    ("pvalue", "qvalue", "benjamini-hochberg"),
    ("pvalue_cells", "qvalue_cells", "benjamini-hochberg"),
    ("mahalanobis_pvalue", "mahalanobis_tail_fdr", "tail false discovery rate"),
    (None, "mahalanobis_local_fdr", "local false discovery rate"),
]
"""Statistics that are written as p-values and as adjusted p-values, and the name of the latter; the first that a run has."""
IN_CATEGORY = [("group_pvalue", "group_qvalue", "benjamini-hochberg"), (None, "group_lfsr", "local false sign rate")]
"""The same for the statistics of one category."""


def rank_genes_groups(
    data: Data,
    *,
    run_id: int | Sequence[int] | None = None,
    group: object | Sequence[object] = None,
    mod: str | None = None,
    cell_group: object = None,
    key_added: str = "kompot_rank_genes_groups",
) -> None:
    r"""
    Write a run of differential expression in the format of `sc.tl.rank_genes_groups`.

    Functions that read scanpy's results can then read it, such as
    `sc.get.rank_genes_groups_df(adata, None, key="kompot_rank_genes_groups")` and
    `sc.pl.rank_genes_groups_dotplot(adata, key=...)`; decoupler and gseapy take the table.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`de`; changed in place.
    run_id
        Number of the run, or several that share `groupby` and reference (one column for each group); negative numbers
        count from the last run of differential expression. None: all contrasts of the last call.
    group
        Only runs whose contrast has this group, one or several.
    mod
        Modality of a MuData whose genes are written, into the uns of that modality; needed if the run is of several.
    cell_group
        A category of the runs' `cell_groups`, for the statistics within it.
    key_added
        Key in uns; what is there is replaced.

    Returns
    -------
    None. `uns[key_added]` holds, with one column per group and the genes that were analysed from
    the most significant up to the most significant down:

    - `names`
    - `scores`: Mahalanobis distance with the sign of the mean log fold change; in a category the mean over its standard
      error
    - `logfoldchanges`: mean log fold change (group − reference) as log2, as in scanpy; it is the mean of differences of
      logs, where scanpy takes the log of a ratio of means
    - `pvals`, `pvals_adj`: with replicates the p- and q-value of their test; else, with
      `TestSettings(all_statistics=True)`, the empirical p-value and the tail false discovery rate; else NaN and the local
      false discovery rate, in a category the local false sign rate; NaN for both where a run has no significance
    - `params`: groupby, reference, method ("kompot"), use_raw, layer, corr_method (what `pvals_adj` is), run_id, and the
      `cell_group` where there is one

    Raises
    ------
    LookupError
        If there is no such run, its fields are gone, or it is of several modalities.
    ValueError
        If several runs differ in what they compare with or in their genes.

    Warns
    -----
    UserWarning
        If a later run has overwritten fields of a run; the values are then those of the later run.

    Examples
    --------
    >>> import kompot_scverse as kp
    >>> import scanpy as sc
    >>> adata = kp.datasets.simulate(600, 100)
    >>> kp.tl.de(adata, "Age", reference="Young", groups="Old", layer="logged_counts")
    >>> kp.tl.rank_genes_groups(adata)
    >>> sc.get.rank_genes_groups_df(adata, "Old", key="kompot_rank_genes_groups").columns.to_list()
    ['names', 'scores', 'logfoldchanges', 'pvals', 'pvals_adj']
    """
    check_key(key_added)
    if key_added == UNS_KEY:
        raise ValueError(f"`key_added={key_added!r}` is where the runs are recorded; pass another.")
    check_changeable(check_data(data, mod))
    views = _views(data, run_id, group, mod)
    _check_comparable(views)
    found, first = _significance(views[0], cell_group), views[0].run
    tables = {view.group: _table(view, cell_group) for view in views}
    if len({frozenset(table["names"]) for table in tables.values()}) > 1:
        raise ValueError(
            f"Runs {_numbers(views)} analysed different genes; write them one by one with other `key_added=`."
        )
    result: dict[str, Any] = {
        "params": {
            "groupby": first.contrast["groupby"],
            # scanpy's word where there is no reference
            "reference": first.contrast.get("reference", "rest"),
            "method": "kompot",
            "use_raw": False,
            "layer": first.params.get("layer"),
            "corr_method": found[2],
            "run_id": np.array([view.run.run_id for view in views]),
        }
        | ({} if cell_group is None else {"cell_group": str(cell_group)})
    }
    for name, dtype in DTYPES.items():
        columns = pd.DataFrame({group: table[name] for group, table in tables.items()})
        result[name] = columns.to_records(index=False, column_dtypes=dtype)
    holder(data, views[0].mod).uns[key_added] = result


def _views(data: Any, run_id: int | Sequence[int] | None, group: object, mod: str | None) -> list[RunView]:
    """The runs asked for, each on one modality."""
    groups: list[Any] = [None] if group is None else listed("group", group)
    if run_id is None:
        found = [view for one in groups for view in find_views(data, "de", group=one, mod=mod)]
        numbers = list(dict.fromkeys(view.run.run_id for view in found))
    else:
        numbers = [int(number) for number in listed("run_id", run_id, int)]
    views = [find_view(data, "de", run_id=number, mod=mod) for number in numbers]
    if run_id is not None and group is not None:
        views = [view for view in views if view.group in map(str, groups)]
    if not views:
        raise ValueError("`run_id` names no run." if group is None else f"No run of `run_id` has the group {group!r}.")
    for view in views:
        view.check_one_modality()
    return views


def _check_comparable(views: list[RunView]) -> None:
    """Raise unless the runs can stand side by side."""
    compared: dict[str, set[Any]] = {
        "modality": {view.mod for view in views},
        "`groupby`": {view.groupby for view in views},
        "the reference": {view.run.contrast.get("reference") for view in views},
        "the layer": {view.run.params.get("layer") for view in views},
        "their significance": {_significance(view, None)[2] for view in views},
    }
    for what, values in compared.items():
        if len(values) > 1:
            named = ", ".join(sorted(map(repr, values)))
            raise ValueError(f"Runs {_numbers(views)} differ in {what} ({named}); write them one by one.")
    if len({view.group for view in views}) < len(views):
        raise ValueError(f"Runs {_numbers(views)} are about the same group; write them one by one.")


def _numbers(views: list[RunView]) -> str:
    return ", ".join(str(view.run.run_id) for view in views)


def _significance(view: RunView, cell_group: object) -> tuple[str | None, str | None, str]:
    """The statistics that stand for p-value and adjusted p-value, and what the latter is."""
    for pvalue, adjusted, name in SIGNIFICANCE if cell_group is None else IN_CATEGORY:
        if view.has(adjusted) and (pvalue is None or view.has(pvalue)):
            return pvalue, adjusted, name
    return None, None, "none"


def _table(view: RunView, cell_group: object) -> pd.DataFrame:
    """Names, scores, log2 fold changes and significance of the genes analysed, in scanpy's order."""
    pvalue, adjusted, _ = _significance(view, cell_group)

    def read(statistic: str | None) -> np.ndarray:
        if statistic is None:
            return np.full(view.data.n_vars, np.nan)
        if cell_group is None:
            return view.numbers(statistic)
        return view.of_category(statistic.removeprefix("group_"), cell_group)

    lfc = read("largest_lfc" if view.omnibus and cell_group is None else "mean_lfc")
    # a gene without any fold change has no direction, and its distance none to rank by
    if view.omnibus and cell_group is None:
        # several contrasts together have no direction
        scores = -np.log10(read(pvalue))
    else:
        scores = np.sign(lfc) * read("mahalanobis") if cell_group is None else read("lfc_zscore")
    table = pd.DataFrame(
        {
            "names": view.data.var_names.to_numpy(dtype=object),
            "scores": scores,
            "logfoldchanges": lfc / np.log(2),
            "pvals": read(pvalue),
            "pvals_adj": read(adjusted),
        }
    )
    view.warn()
    table = table[np.isfinite(scores)]
    return table.sort_values("scores", ascending=False, kind="stable").reset_index(drop=True)
