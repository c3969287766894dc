"""Variances between samples by the level of expression: of a whole sample, and of its neighbourhoods."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

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
    local, weight = np.zeros(len(chosen)), 0.0
    for j in places:
        own, cells, _ = _variances(moments, np.arange(m) == j, design, chosen)
        share = float(moments.mass[:, j].sum())
        local += share * (own - cells)
        weight += share
    whole = total - sampling
    local = local / weight if weight else whole
    positive = (total > 0) & (level > 0)
    whole, local, level, total = whole[positive], local[positive], level[positive], total[positive]
    if len(level) < PER_BIN:
        return None
    order = np.argsort(level, kind="stable")
    classes = np.array_split(order, max(1, min(BINS, len(order) // PER_BIN)))
    spread = np.concatenate([np.log(total[own]) - np.log(total[own]).mean() for own in classes])
    return BetweenLevels(
        level=np.array([level[own].mean() for own in classes]),
        whole=np.array([_trimmed(whole[own]) for own in classes]),
        local=np.array([_trimmed(local[own]) for own in classes]),
        scatter=max(float(spread.var()) - float(polygamma(1, df / 2)), 0.0),
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


def _trimmed(values: NDArray[np.float64]) -> float:
    """Mean without the largest, at least 0."""
    kept = np.sort(values)[: max(1, round(len(values) * (1 - TRIMMED)))]
    return max(float(kept.mean()), 0.0)
