"""Linear models of genes that have one of a few covariances between samples."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .linear_model import LinearFit, SampleDesign, fit_linear


def fit_groups(
    y: NDArray[np.floating], covariances: NDArray[np.float64], groups: NDArray[np.intp], design: SampleDesign
) -> LinearFit:
    """Fit every gene with the covariance of its group.

    Parameters
    ----------
    y
        Sample means, samples x genes.
    covariances
        Covariance of the samples up to the gene's variance: groups x samples x samples.
    groups
        Number of the group of each gene.
    design
        As of :func:`fit_linear`.
    """
    used, sizes = np.unique(groups, return_counts=True)
    if len(used) <= 1:
        return fit_linear(y, covariances[used[0] if len(used) else 0], design)
    order = np.argsort(groups, kind="stable")
    pieces = np.split(y[:, order], np.cumsum(sizes)[:-1], axis=1)
    fits = [fit_linear(own, covariances[number], design) for number, own in zip(used, pieces, strict=True)]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))

    def joined(values: list) -> NDArray[np.float64]:
        return np.concatenate(values, axis=-1)[..., back]

    # what all genes of a group share, for each of them
    scale = [np.repeat(np.atleast_1d(fit.scale), size, axis=-1) for fit, size in zip(fits, sizes, strict=True)]
    determinant = [np.full(size, fit.log_determinant) for fit, size in zip(fits, sizes, strict=True)]
    squared = [fit.squared for fit in fits]
    return replace(
        fits[0],
        effect=joined([fit.effect for fit in fits]),
        scale=joined(scale),
        variance=joined([fit.variance for fit in fits]),
        log_determinant=joined(determinant),
        squared=None if squared[0] is None else joined(squared),
    )
