"""Combining tests: Cauchy combination over neighbourhoods, false discovery rates over genes or neighbourhoods."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from .moderated import SMALLEST_P

LARGEST_P = 0.95
"""Upper bound of p-values before they are combined. The Cauchy statistic of a p-value near 1 tends to minus infinity and would
cancel any evidence elsewhere (truncated Cauchy combination: Gui, Jiang & Wang 2023)."""


def cauchy_combination(
    pvalues: NDArray[np.float64], weights: NDArray[np.float64] | None = None, axis: int = 0
) -> NDArray[np.float64]:
    r"""Combine p-values of any dependence: ACAT (Liu & Xie 2020).

    Under the null, the tail of :math:`T = \sum_i w_i \cot(\pi p_i) / \sum_i w_i` is close to that of a standard Cauchy
    variable, so :math:`p = \tfrac12 - \arctan(T)/\pi`. Both are computed without loss of digits, down to p = 1e-300.

    Parameters
    ----------
    pvalues
        Any shape; NaN where not tested.
    weights
        Non-negative weights that broadcast to `pvalues` and do not depend on them; None for equal weights.
    axis
        Axis to combine over.

    Returns
    -------
    Combined p, NaN where nothing was tested.
    """
    tested = np.isfinite(pvalues)
    p = np.clip(np.where(tested, pvalues, 0.5), SMALLEST_P, LARGEST_P)
    w = np.where(tested, 1.0 if weights is None else weights, 0.0)
    # 1/tan keeps full relative precision for small p; near 1/2 and above tan is exact enough
    total = w.sum(axis=axis)
    statistic = (w / np.tan(np.pi * p)).sum(axis=axis) / np.where(total > 0, total, 1)
    # arctan2(1, T) = π/2 − arctan(T) without the cancellation at large T
    return np.where(total > 0, np.arctan2(1, statistic) / np.pi, np.nan)


def benjamini_hochberg(pvalues: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Adjusted p (Benjamini & Hochberg 1995); NaN stays NaN and does not count as a test.

    With weights, those of :math:`p_g / w_g` (Genovese, Roeder & Wasserman 2006), after the weights were scaled to one on average over the tests, which
    a test of unknown weight has. The false discovery rate holds if weights do not depend on p without a change.
    """
    adjusted = np.full(np.shape(pvalues), np.nan)
    tested = np.isfinite(pvalues)
    if not tested.any():
        return adjusted
    p = pvalues[tested]
    if weights is not None:
        own = weights[tested]
        own = np.where(np.isfinite(own), own / np.nanmean(own), 1)
        p = np.minimum(p / own, 1)
    adjusted[tested] = false_discovery_control(p)
    return adjusted


def spatial_fdr(pvalues: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Weighted Benjamini-Hochberg: the false discovery rate is a share of the weights, not of the tests (Lun 2017, Dann 2022).

    :math:`q_{(i)} = \min_{k \ge i} p_{(k)} \sum_l w_l / \sum_{l \le k} w_{(l)}`.

    Parameters
    ----------
    pvalues
        One p per neighbourhood; NaN where not tested.
    weights
        Share of the space that each neighbourhood stands for, such as the reciprocal of the density around it.
    """
    adjusted = np.full(np.shape(pvalues), np.nan)
    tested = np.flatnonzero(np.isfinite(pvalues))
    order = tested[np.argsort(pvalues[tested], kind="stable")]
    raw = pvalues[order] * weights[order].sum() / np.cumsum(weights[order])
    adjusted[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1)
    return adjusted
