"""Running medians along a covariate."""

import numpy as np
from numpy.typing import NDArray


def running_median(
    covariate: NDArray[np.float64],
    values: NDArray[np.floating],
    bins: int,
    at: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Medians of bins of equal size along the covariate, joined by lines; constant beyond the outer ones.

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
    members = np.argsort(covariate, kind="stable")[starts[:, None] + np.arange(size)]
    centers = np.median(covariate[members], axis=1)
    medians = np.median(values[:, members], axis=2)
    if bins == 1:
        return np.broadcast_to(medians, (len(medians), len(at)))
    # as np.interp, but the place between the bins is found once for all rows
    left = np.clip(np.searchsorted(centers, at) - 1, 0, bins - 2)
    width = np.diff(centers)[left]
    right_share = np.divide(at - centers[left], width, out=np.zeros(len(at)), where=width > 0).clip(0, 1)
    slopes = np.diff(medians, axis=1)
    return medians[:, left] + right_share * slopes[:, left]
