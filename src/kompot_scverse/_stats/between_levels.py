"""Variances between samples by the level of expression: of a whole sample, and of its neighbourhoods."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, polygamma

from .linear_model import SampleDesign
from .neighborhoods import NeighborhoodMoments
from .node_means import effective_cells, node_means

BINS, PER_BIN = 8, 25
"""Classes of genes of one level at most, and genes of each at least."""
MIN_CELLS = 3.0
"""Effective cells that every sample needs in a neighbourhood."""
TRIMMED = 0.02
"""Share of the genes with the largest variances that do not count."""


@dataclass(frozen=True)
class BetweenLevels:
    """Variances between samples beyond what their cells explain, and what the design does not."""

    level: NDArray[np.float64]
    """Mean expression of each class of genes, ascending."""
    whole: NDArray[np.float64]
    """Of the means over all cells."""
    local: NDArray[np.float64]
    """Of the means in single neighbourhoods."""
    scatter: float
    """Variance of the log of a gene's variance of sample means over all cells, about that of its class."""


def between_levels(
    moments: NeighborhoodMoments, design: SampleDesign, genes: NDArray[np.bool_]
) -> BetweenLevels | None:
    """Moment estimates from the residuals of least squares; None where nothing can be estimated.

    Parameters
    ----------
    moments
        Sums over the cells of every sample.
    design
        Design of the samples. What it explains, as pairs and covariates, is not between samples.
    genes
        Which genes count.
    """
    m = moments.mass.shape[1]
    df = design.residual_df
    everything = np.ones(m, dtype=bool)
    if df < 1 or genes.sum() < PER_BIN:
        return None
    chosen = np.flatnonzero(genes)
    total, sampling, level = _variances(moments, everything, design, chosen)
    places = [j for j in range(m) if (effective_cells(moments, np.arange(m) == j) >= MIN_CELLS).all()]
    of_places, share = np.zeros((2, len(chosen))), moments.mass[:, places].sum(axis=0)
    for j, weight in zip(places, share, strict=True):
        of_places += weight / share.sum() * np.array(_variances(moments, np.arange(m) == j, design, chosen)[:2])
    local, cells = of_places if len(places) else (total, sampling)
    positive = (total > 0) & (local > 0) & (level > 0)
    if positive.sum() < PER_BIN:
        return None
    order = np.flatnonzero(positive)[np.argsort(level[positive], kind="stable")]
    classes = np.array_split(order, max(1, min(BINS, len(order) // PER_BIN)))
    spread = _log_variance(total, classes)
    return BetweenLevels(
        level=np.array([level[own].mean() for own in classes]),
        whole=_excess(total, sampling, classes, spread),
        local=_excess(local, cells, classes, _log_variance(local, classes)),
        scatter=max(spread - float(polygamma(1, df / 2)), 0.0),
    )


def _variances(
    moments: NeighborhoodMoments, members: NDArray[np.bool_], design: SampleDesign, genes: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Residual variance of the sample means of every gene, what of it the cells explain, and the mean expression."""
    every = np.ones(len(moments.mass), dtype=bool)
    found = node_means(moments, members, design.coefficients(every))
    left = np.eye(len(every)) - design.matrix @ np.linalg.pinv(design.matrix)
    total = np.square(left @ found.means[:, genes]).sum(axis=0) / design.residual_df
    share = float(np.sum(left * found.covariance)) / design.residual_df
    return total, share * found.cell_variance[genes], found.level[genes]


def _log_variance(values: NDArray[np.float64], classes: list[NDArray[np.intp]]) -> float:
    """Variance of the logarithm about the mean of the class."""
    return float(np.concatenate([np.log(values[own]) - np.log(values[own]).mean() for own in classes]).var())


def _excess(
    total: NDArray[np.float64], sampling: NDArray[np.float64], classes: list[NDArray[np.intp]], spread: float
) -> NDArray[np.float64]:
    """Mean of the total variances of each class beyond those of sampling, at least 0.

    The largest are left out, and the mean is that of the log-normal distribution of which the others are the lower part: without it
    variances were 6 % too small, and predicted power 0.1 too large.
    """
    found = []
    for own in classes:
        kept = np.sort(total[own])[: max(1, round(len(own) * (1 - TRIMMED)))]
        share = len(kept) / len(own)
        part = float(ndtr(ndtri(share) - np.sqrt(spread))) / share
        found.append(max(float(kept.mean()) / part - float(sampling[own].mean()), 0.0))
    return np.array(found)
