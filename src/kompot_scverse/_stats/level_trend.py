"""Differences between samples that all genes of one expression level share."""

import numpy as np
from numpy.typing import NDArray

from .running_median import running_median

__all__ = ["remove_level_trend"]

MIN_GENES = 300
"""With fewer genes nothing is removed: too few to tell what they share from what changes."""
GENES_PER_BIN = 100
MAX_BINS = 20


def remove_level_trend(means: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Subtract from every sample the running median of its deviations along the level of expression.

    The mean of log-normalised counts depends on the sequencing depth, since :math:`E \log(1 + 10^4 c/N)` does so for
    genes of few counts: between Kang's donors, with 1,300 to 1,850 counts per cell, by a fifth. All genes of one level
    share this difference, which then looks like differential expression of very many genes wherever the depths differ
    between conditions, and like variance between samples where they do not. As in the normalisation of microarrays
    (Dudoit et al. 2002; fast cyclic loess: Ballman et al. 2004) every sample is compared with the mean of all samples.
    What most genes of a level share is taken for technical; the median ignores the genes that change.

    Parameters
    ----------
    means
        Sample means, samples x genes.
    level
        Mean expression of every gene.

    Returns
    -------
    Normalised means; the same array with fewer than ``MIN_GENES`` genes.
    """
    if means.shape[1] < MIN_GENES:
        return means
    deviation = means - means.mean(axis=0)
    return means - running_median(level, deviation, min(MAX_BINS, len(level) // GENES_PER_BIN))
