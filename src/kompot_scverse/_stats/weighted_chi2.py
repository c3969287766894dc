"""Upper tail of a weighted sum of independent χ² variables."""

import numpy as np
from scipy.stats import ncx2

__all__ = ["weighted_chi2_sf"]


def weighted_chi2_sf(statistic: np.ndarray, weights: np.ndarray) -> np.ndarray:
    r"""
    Probability that :math:`\sum_j w_j \chi^2_1` exceeds the statistic, by matching four cumulants.

    Parameters
    ----------
    statistic
        Any shape.
    weights
        w, not negative, not all 0.

    References
    ----------
    Liu, Tang & Zhang (2009), Computational Statistics & Data Analysis 53, 853-856.
    """
    # divided by the largest: powers of small weights would underflow
    largest = weights.max()
    w = weights / largest
    c1, c2, c3, c4 = (float((w**power).sum()) for power in (1, 2, 3, 4))
    s1, s2 = c3 / c2**1.5, c4 / c2**2
    if s1**2 > s2:
        a = 1 / (s1 - np.sqrt(s1**2 - s2))
        delta = s1 * a**3 - a**2
        df = a**2 - 2 * delta
    else:
        a, delta, df = 1 / s1, 0.0, 1 / s1**2
    standard = (statistic / largest - c1) / np.sqrt(2 * c2)
    return ncx2.sf(np.maximum(standard * np.sqrt(2) * a + df + delta, 0.0), df, delta)
