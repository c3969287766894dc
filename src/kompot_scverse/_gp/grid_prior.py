"""Prior of the variance ratios, learnt from all genes, and the posterior of each."""

import numpy as np

from .mixing import mixing_weights

ITERATIONS = 100
"""Steps of the EM algorithm; stopping early keeps the prior smooth."""


def grid_prior(evidence: np.ndarray) -> np.ndarray:
    """
    Probability of each point of the grid, learnt from all genes: the mixing distribution of most likelihood.

    By the EM algorithm (:func:`mixing_weights`), stopped early; genes that say nothing (a likelihood that is equal
    everywhere) are left out. A millionth is spread evenly, so that a gene unlike all others can follow its own likelihood.

    Parameters
    ----------
    evidence
        From :func:`log_evidence`.
    """
    n_points = evidence.shape[1]
    chosen = evidence[np.ptp(evidence, axis=1) > 0]
    if len(chosen) == 0:
        return np.full(n_points, 1 / n_points)
    likelihood = np.exp(chosen - chosen.max(axis=1, keepdims=True)).astype(np.float32)
    mass = mixing_weights(likelihood, ITERATIONS)
    mass = mass / mass.sum()
    return (1 - 1e-6) * mass + 1e-6 / n_points


def grid_posterior(evidence: np.ndarray, prior: np.ndarray, smallest: float = 2e-3) -> np.ndarray:
    """Probability of the points for each gene: genes × points; points below `smallest` are left out."""
    log = evidence + np.log(prior)
    found = np.exp(log - log.max(axis=1, keepdims=True))
    found /= found.sum(axis=1, keepdims=True)
    found[found < smallest] = 0.0
    return found / found.sum(axis=1, keepdims=True)
