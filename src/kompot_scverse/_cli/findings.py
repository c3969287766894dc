"""What was found, as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

N_TOP = 10
COLUMN = 40


@dataclass(frozen=True)
class Findings:
    """Both analyses, without or with replicates, as tables; read before other runs write to the same fields."""

    cells: "pd.DataFrame"
    """Cells of the two conditions, in their order."""
    genes: "pd.DataFrame"
    """The most significant first."""
    replicates: bool


def found(findings: Sequence[Findings]) -> str:
    """Cells up and down, genes called and the top genes, without and with replicates side by side."""
    lines = ["", _row(["", *("with replicates" if one.replicates else "without replicates" for one in findings)])]
    for direction in ("up", "down"):
        counts = [f"{(one.cells['direction'] == direction).sum():,} of {len(one.cells):,}" for one in findings]
        lines.append(_row([f"cells {direction}", *counts]))
    called = []
    for one in findings:
        is_de, up = one.genes["is_de"], one.genes["mean_lfc"] > 0
        numbers = f"({(is_de & up).sum():,} up, {(is_de & ~up).sum():,} down)"
        called.append(f"{is_de.sum():,} of {len(one.genes):,} {numbers}")
    lines.append(_row(["genes called", *called]))
    lines += ["", _row(["top genes", *("distance, log fold change, q-value" for _ in findings)])]
    lines += [_row(["", *cells]) for cells in zip(*map(_top, findings), strict=True)]
    return "\n".join(lines)


def realised_errors(findings: Sequence[Findings], obs: "pd.DataFrame", var: "pd.DataFrame") -> str:
    """How the calls compare with the simulated truth, in columns of obs and var, without and with replicates."""
    columns: list[list[str]] = []
    for one in findings:
        genes, cells = var.loc[one.genes.index], obs.loc[one.cells.index]
        truth, outlier = genes["is_de"].to_numpy(), genes["is_sample_outlier"].to_numpy()
        true_lfc, true_density = genes["true_lfc_mean"].to_numpy(), cells["true_log_density_lfc"].to_numpy()
        called, lfc = one.genes["is_de"].to_numpy(), one.genes["mean_lfc"].to_numpy()
        density, direction = one.cells["lfc"].to_numpy(), one.cells["direction"].to_numpy()
        wrong = ((direction == "up") & (true_density <= 0)) | ((direction == "down") & (true_density >= 0))
        columns.append(
            [
                _share(called & ~truth, called),
                _share(called & truth, truth),
                _share(called & outlier, outlier),
                f"{np.corrcoef(lfc[truth], true_lfc[truth])[0, 1]:.3f}",
                f"{np.corrcoef(lfc, true_lfc)[0, 1]:.3f}",
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


def _top(one: Findings) -> list[str]:
    """The most significant genes, by what their call rests on."""
    rate = "qvalue" if one.replicates else "qvalue_cells"
    rows = one.genes[["mahalanobis", "mean_lfc", rate]].head(N_TOP).itertuples(name=None)
    return [f"{gene[:16]:<16}{d:7.2f} {lfc:+6.2f}  {q:.2g}" for gene, d, lfc, q in rows]


def _share(part: np.ndarray, whole: np.ndarray) -> str:
    return f"{part.sum() / whole.sum():.3f} ({part.sum():,} of {whole.sum():,})" if whole.any() else "none"


def _row(cells: list[str]) -> str:
    first, *others = cells
    return f"  {first:<33}{''.join(f'{cell:<{COLUMN}}' for cell in others)}".rstrip()
