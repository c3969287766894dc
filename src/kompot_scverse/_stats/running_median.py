"""Running medians along a covariate."""

import numpy as np
from numpy.typing import NDArray

SAME = 1e-9
"""Share of the range of the covariate by which equals may differ."""


def running_median(
    covariate: NDArray[np.float64],
    values: NDArray[np.floating],
    bins: int,
    at: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Medians of bins of equal size along the covariate, joined by lines; constant beyond the outer ones.

    What has the same covariate as a member of a bin belongs to it, too: neither order nor rounding decide between equals.

    Parameters
    ----------
    covariate
        n numbers, in any order.
    values
        rows x n; every row has a curve of its own.
    bins
        Number of bins, at least one is used; neighbours share a few values where n is no multiple.
    at
        Covariates at which the curves are wanted; None for those of the n numbers.

    Returns
    -------
    The curves at every point of `at`, rows x points.
    """
    n, bins = len(covariate), max(bins, 1)
    at = covariate if at is None else at
    size = -(-n // bins)
    starts = np.linspace(0, n - size, bins).round().astype(int)
    order = np.argsort(covariate, kind="stable")
    ascending = covariate[order]
    rounding = SAME * (ascending[-1] - ascending[0])
    first = np.searchsorted(ascending, ascending[starts] - rounding)
    end = np.searchsorted(ascending, ascending[starts + size - 1] + rounding, side="right")
    centers, medians = np.empty(bins), np.empty((len(values), bins))
    for width in np.unique(end - first):
        alike = end - first == width
        members = order[first[alike, None] + np.arange(width)]
        centers[alike], medians[:, alike] = np.median(covariate[members], axis=1), np.median(values[:, members], axis=2)
    if bins == 1:
        return np.broadcast_to(medians, (len(medians), len(at)))
    # as np.interp, but the place between the bins is found once for all rows
    left = np.clip(np.searchsorted(centers, at) - 1, 0, bins - 2)
    width = np.diff(centers)[left]
    right_share = np.divide(at - centers[left], width, out=np.zeros(len(at)), where=width > 0).clip(0, 1)
    slopes = np.diff(medians, axis=1)
    return medians[:, left] + right_share * slopes[:, left]
