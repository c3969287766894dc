"""Upper tail of a weighted sum of independent χ² variables."""

import numpy as np
from scipy.stats import ncx2


def matched_sf(statistic: np.ndarray, matched: np.ndarray) -> np.ndarray:
    r"""
    Probability that :math:`\sum_j w_j \chi^2_1` exceeds the statistic, for many sums in one call, which is faster.

    Parameters
    ----------
    statistic
        Any shape.
    matched
        From :func:`matched_chi2`, 4 × the shape of the statistic.
    """
    scale, shift, df, delta = matched
    return ncx2.sf(np.maximum(statistic * scale + shift, 0.0), df, delta)


def matched_chi2(weights: np.ndarray) -> np.ndarray:
    r"""
    The noncentral χ² variable that matches four cumulants of the sum: scale, shift, degrees of freedom, noncentrality.

    Parameters
    ----------
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
    scale = a / np.sqrt(c2)
    return np.array([scale / largest, df + delta - c1 * scale, df, delta])
