"""Which cells a differential abundance calls up or down, by the thresholds of the run or by others."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from kompot_scverse._arguments import check_fraction, check_not_negative
from kompot_scverse._keys import DIRECTIONS
from kompot_scverse._stats.abundance import direction

from .view import RunView

LOWEST_Q = 1e-300


@dataclass(frozen=True)
class DACalls:
    """Directions of all cells and what they rest on."""

    direction: "pd.Categorical[Any]"
    rule: Literal["tail", "qvalue"]
    """The q-value where there are replicates, else the posterior tail probability."""
    level: float
    """Largest of it."""
    min_lfc: float
    """Smallest absolute log fold change; 0 for any."""

    def counts(self, cells: np.ndarray) -> dict[str, int]:
        """Number of cells of each direction, of those chosen."""
        found = pd.Series(self.direction)[cells].value_counts()
        return {name: int(found.get(name, 0)) for name in DIRECTIONS}

    def params(self) -> dict[str, float]:
        """As a run records them."""
        names = (
            ("ptp_threshold", "lfc_threshold") if self.rule == "tail" else ("fdr_threshold", "lfc_samples_threshold")
        )
        return dict(zip(names, (self.level, self.min_lfc), strict=True))

    def arguments(self) -> dict[str, float]:
        """As arguments of :func:`da_calls`."""
        return {"max_ptp" if self.rule == "tail" else "max_fdr": self.level, "min_lfc": self.min_lfc}


def da_calls(
    view: RunView, *, max_fdr: float | None = None, max_ptp: float | None = None, min_lfc: float | None = None
) -> DACalls:
    """
    Directions as the run wrote them or, where a threshold is given, anew.

    Parameters
    ----------
    view
        A da run.
    max_fdr
        Largest q-value of the replicate test; None for that of the run.
    max_ptp
        Largest posterior tail probability, of runs without replicates; None for that of the run.
    min_lfc
        Smallest absolute log fold change; None for that of the run.
    """
    check_fraction("max_fdr", max_fdr)
    check_fraction("max_ptp", max_ptp)
    check_not_negative("min_lfc", min_lfc)
    tested, params = view.has("lfc_qvalue"), view.run.params
    if max_fdr is not None and not tested:
        raise LookupError(f"No q-values of {view.name}, which `max_fdr=` needs; call `{view.call('lfc_qvalue')}`.")
    if max_ptp is not None and tested:
        raise ValueError(f"The directions of {view.name} rest on q-values; pass `max_fdr=`, not `max_ptp=`.")
    level, least = (max_fdr, "lfc_samples_threshold") if tested else (max_ptp, "lfc_threshold")
    level = params["fdr_threshold" if tested else "ptp_threshold"] if level is None else level
    changed = not (max_fdr is None and max_ptp is None and min_lfc is None)
    # runs of early versions with replicates asked for no log fold change
    min_lfc = params.get(least, 0.0) if min_lfc is None else min_lfc
    if changed:
        lfc = view.numbers("lfc")
        # runs of early versions have no effect of the test
        effect = view.numbers("neighborhood_lfc") if view.has("neighborhood_lfc") else None
        passed = view.numbers("lfc_qvalue") <= level if tested else heights(view, "tail") >= -np.log10(level)
        codes = direction(lfc, passed, lfc_threshold=min_lfc, effect=effect)
        labels: Any = np.where(np.isfinite(lfc), np.array(DIRECTIONS, dtype=object)[codes], None)
    else:
        # subsetting drops categories without cells, and may have turned the column into text
        labels = view.read("lfc_direction").to_numpy(dtype=object)
    found = pd.Categorical(pd.Series(labels, dtype=object), categories=list(DIRECTIONS), ordered=True)
    return DACalls(found, "qvalue" if tested else "tail", float(level), float(min_lfc))


def heights(view: RunView, y: str) -> np.ndarray:
    """−log10 of the posterior tail probability ("tail") or of the q-value of every cell."""
    if y == "tail":
        return view.numbers("neg_log10_lfc_ptp")
    return -np.log10(np.maximum(view.numbers("lfc_qvalue"), LOWEST_Q))
