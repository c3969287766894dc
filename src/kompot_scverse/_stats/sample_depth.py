"""Sequencing depth of the samples over the cell states, and the share of it that brings them to the same depth."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .neighborhoods import TINY
from .node_means import sample_laplacian

PRIOR_CELLS = 20.0
"""Cells of a sample in a neighbourhood at which its own mean log depth there counts as much as the two-way model."""


def sample_log_depth(
    log_depth: NDArray[np.float64], weights: NDArray[np.float64] | csr_array, codes: NDArray[np.integer], n_samples: int
) -> NDArray[np.float64]:
    r"""Typical log depth of every sample in every neighbourhood: samples x m.

    Some cell types have more counts in all samples, so the mean log depth of sample s in neighbourhood j follows the two-way model
    :math:`\mu_j + \alpha_s`; where a sample has many cells, it is the mean measured there.

    Parameters
    ----------
    log_depth
        Log depth of every cell, up to a constant; NaN where it is not known.
    weights
        Weights of the cells in the neighbourhoods, cells x m.
    codes
        Sample number of every cell, -1 for cells that take no part.
    n_samples
        Number of samples.
    """
    known = np.flatnonzero(np.isfinite(log_depth) & (codes >= 0))
    places = (codes[known], known)
    weights = csr_array(weights)
    mass, sums = (
        (csr_array((values, places), shape=(n_samples, len(codes))) @ weights).toarray()
        for values in (np.ones(len(known)), log_depth[known])
    )
    pooled = np.maximum(mass.sum(axis=0), TINY)
    composition, inverse = sample_laplacian(mass)
    effect = inverse @ (sums.sum(axis=1) - composition @ sums.sum(axis=0))
    model = (sums - mass * effect[:, None]).sum(axis=0) / pooled + effect[:, None]
    # mass · (own mean − model) / (mass + prior)
    return model + (sums - mass * model) / (mass + PRIOR_CELLS)


def common_share(
    log_depth: NDArray[np.float64],
    counts: NDArray[np.bool_],
    weights: NDArray[np.float64] | csr_array,
    codes: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Share of the depth of every cell that brings its sample to the depth of the shallowest one in the same neighbourhoods.

    Parameters
    ----------
    log_depth
        Of the samples in the neighbourhoods, samples x m (:func:`sample_log_depth`).
    counts
        Whether each sample counts; the shallowest of those that do is taken.
    weights, codes
        Weights in the neighbourhoods and sample number of every cell.

    Returns
    -------
    At most 1; 1 for cells that take no part.
    """
    log_share = np.minimum(log_depth[counts].min(axis=0) - log_depth, 0)
    share = np.ones(len(codes))
    for sample, row in enumerate(log_share):
        own = codes == sample
        share[own] = np.exp(weights[own] @ row)
    return share
