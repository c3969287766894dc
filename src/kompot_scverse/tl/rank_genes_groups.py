"""A run of differential expression in scanpy's own format."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from kompot_scverse._data.provenance import Run, find_run, iterate_runs, overwriter
from kompot_scverse._data.resolve import check_anndata

__all__ = ["rank_genes_groups"]

DTYPES = {"names": "O", "scores": "float32", "logfoldchanges": "float32", "pvals": "float64", "pvals_adj": "float64"}
"""Of scanpy's arrays."""
SIGNIFICANCE = [
    ("pvalue", "qvalue", "benjamini-hochberg"),
    ("mahalanobis_pvalue", "mahalanobis_tail_fdr", "tail false discovery rate"),
    (None, "mahalanobis_local_fdr", "local false discovery rate"),
]
"""Statistics of a run that are written as p-values and as adjusted p-values, the first that exist, and their name."""


def rank_genes_groups(
    data: AnnData,
    *,
    run_id: int | Sequence[int] = -1,
    key_added: str = "kompot_rank_genes_groups",
    copy: bool = False,
) -> AnnData | None:
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
      `FDRSettings(all_statistics=True)`, the empirical p-value and the tail false discovery rate; else NaN and the local
      false discovery rate; NaN for both where a run has no significance
    - `params`: groupby, reference, method ("kompot"), use_raw, layer, corr_method (what `pvals_adj` is) and run_id

    Raises
    ------
    LookupError
        If there is no such run, or its fields are gone.
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
    adata = check_anndata(data)
    numbers = [run_id] if isinstance(run_id, int | np.integer) else list(run_id)
    runs = [find_run(adata, int(number), "de") for number in numbers]
    _check_comparable(runs)
    tables = {run.contrast["group"]: _table(adata, run) for run in runs}
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
    target = adata.copy() if copy else adata
    target.uns[key_added] = result
    return target if copy else None


def _check_comparable(runs: list[Run]) -> None:
    """Raise unless the runs can stand side by side."""
    if not runs:
        raise ValueError("`run_id` names no run.")
    for what, values in {
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


def _table(adata: AnnData, run: Run) -> pd.DataFrame:
    """Names, scores, log2 fold changes and significance of the genes analysed, in scanpy's order."""
    pvalue, adjusted, _ = _significance(run)
    wanted = {"distance": "mahalanobis", "lfc": "mean_lfc", "pvals": pvalue, "pvals_adj": adjusted}
    keys = {name: run.key(statistic) for name, statistic in wanted.items() if statistic is not None}
    gone = [key for key in keys.values() if key not in adata.var]
    if gone:
        raise LookupError(f"var[{gone[0]!r}] of run {run.run_id} is gone. Call `kp.tl.de` again.")
    _warn_overwritten(adata, run, list(keys.values()))
    found = {name: np.asarray(adata.var[key], dtype=np.float64) for name, key in keys.items()}
    missing = np.full(adata.n_vars, np.nan)
    table = pd.DataFrame(
        {
            "names": adata.var_names.to_numpy(dtype=object),
            # a distance of a gene without any fold change has no direction
            "scores": np.sign(found["lfc"]) * found["distance"],
            "logfoldchanges": found["lfc"] / np.log(2),
            "pvals": found.get("pvals", missing),
            "pvals_adj": found.get("pvals_adj", missing),
        }
    )
    table = table[np.isfinite(found["distance"])]
    return table.sort_values("scores", ascending=False, kind="stable").reset_index(drop=True)


def _warn_overwritten(adata: AnnData, run: Run, keys: list[str | None]) -> None:
    history = list(iterate_runs(adata))
    writers = {later.run_id for key in keys if key and (later := overwriter(history, run, "var", key)) is not None}
    if writers:
        warnings.warn(
            f"Fields of run {run.run_id} were overwritten and now hold the values of run "
            f"{', '.join(map(str, sorted(writers)))}. Another `key_added=` would have kept both.",
            UserWarning,
            stacklevel=4,
        )
