"""Called genes by the region that they change in."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kompot_scverse._runs.regions import find_regions, region_labels
from kompot_scverse._runs.view import RunView

from ._style import OKABE_ITO, category_colors
from ._theme import shade

SHOWN = len(OKABE_ITO) - 1
"""Regions with a colour of their own, those with most genes; the rest share one."""


@dataclass(frozen=True)
class RegionOfGenes:
    """A region, and which of the genes are its own."""

    label: str
    genes: np.ndarray
    """Mask of the genes."""
    color: Any


def gene_regions(view: RunView, called: np.ndarray) -> list[RegionOfGenes]:
    """
    Regions of the called genes, the one with most genes first.

    Parameters
    ----------
    view
        A run with regions.
    called
        Mask of the genes.
    """
    regions, of_gene = find_regions(view), view.numbers("region")
    counts = np.bincount(of_gene[called & np.isfinite(of_gene)].astype(np.intp), minlength=len(regions.nodes))
    order = [int(number) for number in np.argsort(-counts, kind="stable") if counts[number]]
    column = view.run.params.get("cell_groups")
    labels = None if column is None or column not in view.data.obs else region_labels(view, column)
    colors = list(category_colors(view.data, "", pd.Index([str(number) for number in order[:SHOWN]])).values())
    found = []
    for number, color in zip(order, colors, strict=False):
        text = "" if labels is None else regions.described(number, labels)
        name = f"{number}: {text}" if text else str(number)
        found.append(RegionOfGenes(f"{name} ({counts[number]:,})", called & (of_gene == number), color))
    rest = order[SHOWN:]
    if rest:
        genes = called & np.isin(of_gene, rest)
        found.append(
            RegionOfGenes(
                f"{len(rest)} other region{'s' if len(rest) > 1 else ''} ({genes.sum():,})", genes, shade(0.85)
            )
        )
    return found
