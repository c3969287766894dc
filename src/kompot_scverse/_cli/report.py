"""What was found, as text."""

from typing import TYPE_CHECKING, cast

import numpy as np

from kompot_scverse._keys import Keys

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["found", "realised_errors"]

N_TOP = 10
COLUMN = 40


def found(adata: "AnnData", groupby: str, reference: str, group: str, replicates: bool) -> str:
    """Cells up and down, genes called and the top genes, without and with replicates side by side."""
    runs = [False, True] if replicates else [False]
    lines = ["", _row(["", *("with replicates" if run else "without replicates" for run in runs)])]
    compared = _compared(adata, groupby, reference, group)
    obs = cast("pd.DataFrame", adata.obs)
    for direction in ("up", "down"):
        counts = []
        for run in runs:
            key = Keys("kompot_da", reference, group, run).field("lfc_direction", varies=True)
            counts.append(f"{(obs.loc[compared, key] == direction).sum():,} of {compared.sum():,}")
        lines.append(_row([f"cells {direction}", *counts]))
    called, tables = [], []
    for run in runs:
        keys = Keys("kompot_de", reference, group, run)
        is_de = adata.var[keys.field("is_de", varies=True)]
        up = adata.var[keys.field("mean_lfc")] > 0
        called.append(f"{is_de.sum():,} of {adata.n_vars:,} ({(is_de & up).sum():,} up, {(is_de & ~up).sum():,} down)")
        tables.append(_top(adata, keys))
    lines.append(_row(["genes called", *called]))
    rates = ["local FDR", "q-value"] if replicates else ["local FDR"]
    lines += ["", _row(["top genes", *(f"distance, log fold change, {rate}" for rate in rates)])]
    lines += [_row(["", *cells]) for cells in zip(*tables, strict=True)]
    return "\n".join(lines)


def realised_errors(adata: "AnnData", groupby: str, reference: str, group: str) -> str:
    """How the calls compare with the simulated truth, without and with replicates."""
    truth = adata.var["is_de"].to_numpy()
    outlier = adata.var["is_sample_outlier"].to_numpy()
    compared = _compared(adata, groupby, reference, group)
    true_density = adata.obs["true_log_density_lfc"].to_numpy()[compared]
    columns: list[list[str]] = []
    for run in (False, True):
        keys = Keys("kompot_de", reference, group, run)
        called = adata.var[keys.field("is_de", varies=True)].to_numpy()
        lfc = adata.var[keys.field("mean_lfc")].to_numpy()
        keys = Keys("kompot_da", reference, group, run)
        density = adata.obs[keys.field("lfc")].to_numpy()[compared]
        direction = adata.obs[keys.field("lfc_direction", varies=True)].to_numpy()[compared]
        wrong = ((direction == "up") & (true_density <= 0)) | ((direction == "down") & (true_density >= 0))
        columns.append(
            [
                _share(called & ~truth, called),
                _share(called & truth, truth),
                _share(called & outlier, outlier),
                f"{np.corrcoef(lfc[truth], adata.var['true_lfc_mean'][truth])[0, 1]:.3f}",
                f"{np.corrcoef(lfc, adata.var['true_lfc_mean'])[0, 1]:.3f}",
                _share(wrong, direction != "neutral"),
                f"{np.corrcoef(density, true_density)[0, 1]:.3f}",
            ]
        )
    names = [
        "false among genes called (FDP)",
        "true genes found (recall)",
        "sample-outlier genes called",
        "lfc of true genes: r with truth",
        "lfc of all genes: r with truth",
        "cells called in wrong direction",
        "cell density lfc: r with truth",
    ]
    rows = zip(names, *columns, strict=True)
    return "\n".join(["", "Against the simulated truth", *(_row(list(row)) for row in rows)])


def _compared(adata: "AnnData", groupby: str, reference: str, group: str) -> np.ndarray:
    return adata.obs[groupby].astype(str).isin([reference, group]).to_numpy()


def _top(adata: "AnnData", keys: Keys) -> list[str]:
    """The most significant genes, by what their call rests on."""
    suffix = "" if keys.sample_var else "_cells"
    columns = [keys.field("mahalanobis", varies=True), keys.field("mean_lfc"), keys.field(f"qvalue{suffix}")]
    table = cast("pd.DataFrame", adata.var).sort_values(columns[0], ascending=False, kind="stable")
    table = table.sort_values(keys.field(f"pvalue{suffix}"), kind="stable")
    rows = table[columns].head(N_TOP).itertuples(name=None)
    return [f"{gene[:16]:<16}{d:7.2f} {lfc:+6.2f}  {fdr:.2g}" for gene, d, lfc, fdr in rows]


def _share(part: np.ndarray, whole: np.ndarray) -> str:
    return f"{part.sum() / whole.sum():.3f} ({part.sum():,} of {whole.sum():,})" if whole.any() else "none"


def _row(cells: list[str]) -> str:
    first, *others = cells
    return f"  {first:<33}{''.join(f'{cell:<{COLUMN}}' for cell in others)}".rstrip()
