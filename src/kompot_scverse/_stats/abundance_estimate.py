"""Estimates of abundance by either method, and the statistics of every cell that follow."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .abundance import direction, false_sign_rate, neg_log10_tail

if TYPE_CHECKING:
    from kompot_scverse.settings import TestSettings


@dataclass(frozen=True)
class Abundance:
    """Estimates at every cell; NaN for cells without a state."""

    fields: np.ndarray
    """Log density or log ratio of every condition: conditions × cells."""
    lfc: np.ndarray
    """Log fold change of every group: groups × cells."""
    variance: np.ndarray
    """Its posterior variance: groups × cells."""
    params: dict[str, Any]
    """What a run records of the estimate."""
    null_probability: np.ndarray | None = None
    """Probability that nothing changes, for every group; None where it is not estimated."""
    summaries: list[dict[str, Any]] = field(default_factory=list)
    """What a run records of each group."""
    levels: dict[int, np.ndarray] = field(default_factory=dict)
    """Of effects with several coefficients, by their number: log densities of the levels less the first, levels × cells."""


@dataclass(frozen=True)
class LevelResults:
    """Results of an effect with several coefficients, at every cell."""

    levels: np.ndarray
    """Log densities less that of the first level: levels × cells."""
    pvalue: np.ndarray | None = None
    """Of the replicate test, that any differ; None without replicates."""
    qvalue: np.ndarray | None = None
    of_test: np.ndarray | None = None
    """Levels less the first by the replicate test: levels × cells."""


@dataclass(frozen=True)
class CellResults:
    """Results of one contrast, at every cell."""

    lfc: np.ndarray
    zscore: np.ndarray
    neg_log10_ptp: np.ndarray
    direction: np.ndarray
    """Position in `DIRECTIONS`."""
    pvalue: np.ndarray | None = None
    """Of the replicate test; None without replicates."""
    qvalue: np.ndarray | None = None
    neighborhood_lfc: np.ndarray | None = None
    """Effect of the test."""
    lfsr: np.ndarray | None = None
    """Local false sign rate."""


def compare(
    found: Abundance,
    number: int,
    test: "TestSettings",
    replicates: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
) -> CellResults:
    """
    Group `number` (0 for the first) with the reference, at every cell.

    Parameters
    ----------
    found
        The estimates.
    number
        Number of the group.
    test
        Settings, from :meth:`~kompot_scverse.TestSettings.of_da`.
    replicates
        p, q and effect of the replicate test.
    """
    lfc, variance = found.lfc[number], found.variance[number]
    # a log ratio that is known to be 0 has no variance
    zscore = np.divide(lfc, np.sqrt(variance), out=np.zeros_like(lfc), where=(variance > 0) | np.isnan(lfc))
    tail = neg_log10_tail(zscore)
    null = found.null_probability
    lfsr = None if null is None else false_sign_rate(zscore, float(null[number]))
    if replicates is None:
        codes = direction(
            lfc, tail >= -np.log10(cast("float", test.max_ptp)), lfc_threshold=cast("float", test.min_lfc)
        )
        return CellResults(lfc, zscore, tail, codes, lfsr=lfsr)
    pvalue, qvalue, effect = replicates
    codes = direction(
        lfc, qvalue <= cast("float", test.threshold), lfc_threshold=cast("float", test.min_lfc), effect=effect
    )
    return CellResults(lfc, zscore, tail, codes, pvalue, qvalue, effect, lfsr)
