"""Significance of distances against null genes: empirical p, local and tail false discovery rate."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

TIE = 1e-6
"""Relative difference up to which a null gene is as far as a gene: sums of single-precision values in another order."""


@dataclass(frozen=True)
class NullComparison:
    """Genes compared with null genes; NaN where the distance is NaN."""

    pvalue: np.ndarray
    """Empirical, (b + 1)/(n + 1) with b of n nulls at least as far, up to rounding."""
    local_fdr: np.ndarray
    """Probability that a gene at this distance is null."""
    tail_fdr: np.ndarray
    """Expected share of nulls among the genes at least this far."""
    null_share: float
    """Estimated share of null genes, π₀."""
    null: np.ndarray
    """Distances of the null genes, in ascending order."""


def compare_with_null(distances: np.ndarray, null: np.ndarray) -> NullComparison:
    r"""
    Compare distances with those of null genes.

    With the empirical p of every gene, the density of p is estimated as a decreasing step function, the slope of the
    least concave majorant of its distribution function (Grenander 1956), by isotonic regression; then
    :math:`\mathrm{fdr}(p) = \pi_0 / f(p)` (Efron 2008, Strimmer 2008). The tail rate is Benjamini-Hochberg's with the
    same :math:`\pi_0` (Storey 2002, λ = 0.5).

    Parameters
    ----------
    distances
        One distance per gene; NaN for genes that were not analysed.
    null
        Distances of the null genes, finite.
    """
    if null.size == 0:
        raise ValueError("No null genes to compare with.")
    ok = np.isfinite(distances)
    n_null, n = len(null), int(ok.sum())
    pvalue, local, tail = (np.full(distances.shape, np.nan) for _ in range(3))
    ordered = np.sort(null)
    if n == 0:
        return NullComparison(pvalue, local, tail, np.nan, ordered)
    p = (n_null - np.searchsorted(ordered, distances[ok] * (1 - TIE), side="left") + 1) / (n_null + 1)
    share = min(1.0, float(np.mean(p > 0.5)) / 0.5 + 1 / n)

    values, position, counts = np.unique(p, return_inverse=True, return_counts=True)
    widths = np.diff(values, prepend=0.0)
    # the stretch above the largest p has no genes, but belongs to the distribution
    if values[-1] < 1:
        widths, counts = np.append(widths, 1 - values[-1]), np.append(counts, 0)
    density = isotonic_regression(counts / n / widths, weights=widths, increasing=False).x[: len(values)]
    with np.errstate(divide="ignore"):
        local[ok] = np.minimum(share / density, 1.0)[position]
    below = np.cumsum(counts)[: len(values)]
    rates = np.minimum(share * values * n / below, 1.0)
    tail[ok] = np.minimum.accumulate(rates[::-1])[::-1][position]
    pvalue[ok] = p
    return NullComparison(pvalue, local, tail, share, ordered)
