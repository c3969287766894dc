"""Whether fitted mean fold changes of categories agree with the plain differences of their means."""

from dataclasses import dataclass

import numpy as np

from kompot_scverse._gp.moments import Moments

from .lazy_layers import ratio

ERRORS = 4.0
"""Errors beyond which two means disagree; under the null about one of 16,000 comparisons."""
LEAST = 0.25
"""Smallest difference, in natural logs, that is worth a warning."""


@dataclass(frozen=True)
class PlainMeans:
    """Differences of mean expression between two conditions, genes × categories; NaN where there are too few cells."""

    effect: np.ndarray
    error: np.ndarray


def plain_means(moments: Moments, sizes: np.ndarray, number: int, min_cells: int) -> PlainMeans:
    """
    Differences of the means over cells, with errors as if each cell were independent.

    Parameters
    ----------
    moments
        Sums over the cells of every condition in every category.
    sizes
        Their numbers of cells: conditions × categories.
    number
        The condition that is compared with the first.
    min_cells
        Fewest cells of either condition in a category.
    """
    n = sizes[[0, number]].astype(float)
    sums, squares = (values[[0, number]] for values in (moments.sums, moments.squares))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / n[:, None]
        variances = np.maximum(squares / n[:, None] - means**2, 0) / (n[:, None] - 1)
    effect, error = means[1] - means[0], np.sqrt(variances.sum(axis=0))
    few = n.min(axis=0) < min_cells
    effect[:, few] = error[:, few] = np.nan
    return PlainMeans(effect, error)


def disagreement(fitted: np.ndarray, std_error: np.ndarray, plain: PlainMeans) -> np.ndarray:
    """
    Differences over their errors where they are too large to be chance, and 0 elsewhere: genes × categories.

    A difference counts if it is also large after subtracting the median of all genes in the category, since samples of unequal depth shift
    all expressed genes alike.

    Parameters
    ----------
    fitted, std_error
        Fitted means and their standard errors: genes × categories.
    plain
        Plain differences.
    """
    difference = fitted - plain.effect
    known = np.isfinite(difference)
    columns = known.any(axis=0)
    apart = difference - np.where(columns, np.nanmedian(np.where(columns, difference, 0), axis=0), 0)
    difference = np.where(np.abs(apart) < np.abs(difference), apart, difference)
    errors = ratio(np.abs(difference), np.hypot(std_error, plain.error))
    found = known & (errors > ERRORS) & (np.abs(difference) > LEAST)
    return np.where(found, errors, 0.0)
