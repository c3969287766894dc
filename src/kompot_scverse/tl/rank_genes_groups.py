"""A run of differential expression in scanpy's own format."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_arguments, listed
from kompot_scverse._data.holders import check_changeable, check_data, holder
from kompot_scverse._keys import check_key
from kompot_scverse._runs.history import UNS_KEY, Run
from kompot_scverse._runs.run_fields import RunFields
from kompot_scverse._runs.run_frames import RunFrame, one_run_frame

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["rank_genes_groups"]

DTYPES = {"names": "O", "scores": "float32", "logfoldchanges": "float32", "pvals": "float64", "pvals_adj": "float64"}
"""Of scanpy's arrays."""
SIGNIFICANCE = [
    ("pvalue", "qvalue", "benjamini-hochberg"),
    ("pvalue_cells", "qvalue_cells", "benjamini-hochberg"),
    ("mahalanobis_pvalue", "mahalanobis_tail_fdr", "tail false discovery rate"),
    (None, "mahalanobis_local_fdr", "local false discovery rate"),
]
"""Statistics of a run that are written as p-values and as adjusted p-values, the first that exist, and their name."""


def rank_genes_groups(
    data: "AnnData | MuData",
    *,
    run_id: int | Sequence[int] = -1,
    mod: str | None = None,
    key_added: str = "kompot_rank_genes_groups",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""
    Write a run of differential expression as `sc.tl.rank_genes_groups` writes its results.

    What reads those then reads this: `sc.get.rank_genes_groups_df(adata, None, key="kompot_rank_genes_groups")`,
    `sc.pl.rank_genes_groups_dotplot(adata, key=...)`, and the recipes of decoupler and gseapy, which take the table.

    Parameters
    ----------
    data
        Annotated data with a run of :func:`de`; changed in place unless `copy`.
    run_id
        Number of the run, or several that share `groupby` and reference (one column for each group); negative numbers
        count from the last run of differential expression.
    mod
        Modality of a MuData whose genes are written, into the uns of that modality; needed if the run is of several.
    key_added
        Key in uns; what is there is replaced.
    copy
        Return changed data instead of changing `data`.

    Returns
    -------
    None, or the changed copy. `uns[key_added]` holds, with one column per group and the genes that were analysed from
    the most significant up to the most significant down:

    - `names`
    - `scores`: Mahalanobis distance with the sign of the mean log fold change
    - `logfoldchanges`: mean log fold change (group − reference) as log2, as in scanpy; it is the mean of differences of
      logs, where scanpy takes the log of a ratio of means
    - `pvals`, `pvals_adj`: with replicates the p- and q-value of their test; else, with
      `TestSettings(all_statistics=True)`, the empirical p-value and the tail false discovery rate; else NaN and the local
      false discovery rate; NaN for both where a run has no significance
    - `params`: groupby, reference, method ("kompot"), use_raw, layer, corr_method (what `pvals_adj` is) and run_id

    Raises
    ------
    LookupError
        If there is no such run, or its fields are gone.
    ValueError
        If several runs differ in what they compare with or in their genes, or a run is of several modalities.

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
    check_arguments(rank_genes_groups, locals())
    check_key(key_added)
    if key_added == UNS_KEY:
        raise ValueError(f"`key_added={key_added!r}` is where the runs are recorded; pass another.")
    check_changeable(check_data(data, mod), copy=copy)
    parts = [one_run_frame(data, mod, int(number), "de") for number in listed("run_id", run_id, int)]
    runs = [part.run for part in parts]
    _check_comparable(parts)
    tables = {part.run.contrast["group"]: _table(part) for part in parts}
    if len({frozenset(table["names"]) for table in tables.values()}) > 1:
        raise ValueError(
            f"Runs {_numbers(runs)} analysed different genes; write them one by one with other `key_added=`."
        )
    result: dict[str, Any] = {
        "params": {
            "groupby": runs[0].contrast["groupby"],
            "reference": runs[0].contrast["reference"],
            "method": "kompot",
            "use_raw": False,
            "layer": runs[0].params.get("layer"),
            "corr_method": _significance(runs[0])[2],
            "run_id": np.array([run.run_id for run in runs]),
        }
    }
    for name, dtype in DTYPES.items():
        columns = pd.DataFrame({group: table[name] for group, table in tables.items()})
        result[name] = columns.to_records(index=False, column_dtypes=dtype)
    target = data.copy() if copy else data
    holder(target, parts[0].mod).uns[key_added] = result
    return target if copy else None


def _check_comparable(parts: list[RunFrame]) -> None:
    """Raise unless the runs can stand side by side."""
    if not parts:
        raise ValueError("`run_id` names no run.")
    runs = [part.run for part in parts]
    for what, values in {
        "modality": {part.mod for part in parts},
        "`groupby`": {run.contrast["groupby"] for run in runs},
        "the reference": {run.contrast["reference"] for run in runs},
        "the layer": {run.params.get("layer") for run in runs},
        "their significance": {_significance(run)[2] for run in runs},
    }.items():
        if len(values) > 1:
            named = ", ".join(sorted(map(repr, values)))
            raise ValueError(f"Runs {_numbers(runs)} differ in {what} ({named}); write them one by one.")
    groups = [run.contrast["group"] for run in runs]
    if len(set(groups)) < len(groups):
        raise ValueError(f"Runs {_numbers(runs)} are about the same group; write them one by one.")


def _numbers(runs: list[Run]) -> str:
    return ", ".join(str(run.run_id) for run in runs)


def _significance(run: Run) -> tuple[str | None, str | None, str]:
    """The statistics that stand for p-value and adjusted p-value, and what the latter is."""
    for pvalue, adjusted, name in SIGNIFICANCE:
        if run.key(adjusted) is not None and (pvalue is None or run.key(pvalue) is not None):
            return pvalue, adjusted, name
    return None, None, "none"


def _table(part: RunFrame) -> pd.DataFrame:
    """Names, scores, log2 fold changes and significance of the genes analysed, in scanpy's order."""
    fields = RunFields(part.adata, part.run)
    pvalue, adjusted, _ = _significance(part.run)

    def read(statistic: str | None) -> np.ndarray:
        if statistic is None:
            return np.full(part.adata.n_vars, np.nan)
        return np.asarray(fields.read("var", statistic, "Call `kp.tl.de` again."), dtype=np.float64)

    distance, lfc = read("mahalanobis"), read("mean_lfc")
    table = pd.DataFrame(
        {
            "names": part.adata.var_names.to_numpy(dtype=object),
            # a gene without any fold change has no direction, and its distance none to rank by
            "scores": np.sign(lfc) * distance,
            "logfoldchanges": lfc / np.log(2),
            "pvals": read(pvalue),
            "pvals_adj": read(adjusted),
        }
    )
    fields.warn()
    table = table[np.isfinite(distance)]
    return table.sort_values("scores", ascending=False, kind="stable").reset_index(drop=True)
