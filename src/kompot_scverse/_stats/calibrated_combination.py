"""The Cauchy combination of correlated p-values, held to its level."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr
from scipy.stats.qmc import Sobol

from .combine import cauchy_combination

LOG_DRAWS = 15
"""Binary logarithm of the number of draws."""
SMALLEST = 5e-3
"""Combined p below which what is drawn is too rare: the ratio there is that of this one."""
LARGEST_DF = 12
"""Degrees of freedom beyond which tests are drawn as normal."""
MIN_GENES = 30
"""Genes that two tests must have in common for their correlation to be estimated."""


def correlation_between(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of tests over genes, by ranks, so that few genes that change do not decide; 1 where it is not known.

    Parameters
    ----------
    z
        Tests x genes; NaN where not tested.
    """
    scores = np.full(z.shape, np.nan)
    for row, own in zip(scores, z, strict=True):
        known = np.flatnonzero(np.isfinite(own))
        row[known[np.argsort(own[known], kind="stable")]] = ndtri((np.arange(len(known)) + 0.5) / max(len(known), 1))
    known = np.isfinite(scores)
    filled = np.where(known, scores, 0.0)
    both = known.astype(float) @ known.T
    # over the genes that both have
    squares = np.square(filled) @ known.T
    products = filled @ filled.T
    found = np.where(both >= MIN_GENES, products / np.sqrt(np.maximum(squares * squares.T, 1e-300)), 1.0)
    np.fill_diagonal(found, 1.0)
    values, vectors = np.linalg.eigh((found + found.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0))
    root /= np.maximum(np.linalg.norm(root, axis=1, keepdims=True), 1e-300)
    return root @ root.T


def calibrated(
    combined: NDArray[np.float64],
    correlation: NDArray[np.float64],
    weights: NDArray[np.float64],
    df: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Combined p-values as the share of draws without any change in which they would be as small.

    The Cauchy combination is exact where tests are independent or all the same, and for very small p. In between it is not: of 11 or 41 tests
    with correlations of 0.3 to 0.6, 6 to 7 % have a combined p below 0.05. Tests with few degrees of freedom are drawn as t, the residuals
    of which are as correlated as the effects are.

    Parameters
    ----------
    combined
        From :func:`cauchy_combination`.
    correlation
        Of the tests that were combined.
    weights
        Their weights.
    df
        Their degrees of freedom; None for normal deviates.
    """
    values, vectors = np.linalg.eigh(correlation)
    # rounding decides on the sign of an eigenvector, and what is drawn should not depend on it
    vectors *= np.where(np.cos(np.arange(len(vectors))) @ vectors < 0, -1.0, 1.0)
    # quasi-random numbers are most even in the first dimensions, so these get the largest eigenvalues
    root = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1].T
    uniform = Sobol(len(root), rng=0).random_base2(LOG_DRAWS)
    lower = -np.abs(ndtri(np.clip(uniform, 1e-12, 1 - 1e-12)) @ root)
    if df is None or df.max() > LARGEST_DF:
        lower = ndtr(lower)
    else:
        rng, root, squares = np.random.default_rng(0), root.astype(np.float32), np.zeros_like(lower, dtype=np.float32)
        for direction in range(df.max()):
            drawn = rng.standard_normal(squares.shape, dtype=np.float32) @ root
            squares += np.square(drawn) * (direction < df)
        lower = stdtr(df, lower / np.sqrt(squares / df))
    null = np.sort(cauchy_combination(2 * lower, weights, axis=1))
    levels = np.linspace(0, 1, len(null) + 1)[1:]
    ratio = float(np.interp(SMALLEST, null, levels)) / SMALLEST
    with np.errstate(invalid="ignore"):
        return np.where(combined < SMALLEST, combined * ratio, np.interp(combined, null, levels))
