"""Weights of the components of a mixture."""

import numpy as np


def mixing_weights(likelihood: np.ndarray, iterations: int, share: np.ndarray | None = None) -> np.ndarray:
    """
    The mixing distribution of most likelihood, by steps of the EM algorithm (Laird 1978, JASA 73, 805) from even weights.

    Parameters
    ----------
    likelihood
        Of each observation under each component, observations × components; its precision is that of the sums.
    iterations
        Steps; stopping early keeps the distribution smooth.
    share
        Of the observations, how many each row stands for; None: all as many.
    """
    n, n_components = likelihood.shape
    mass = np.full(n_components, 1 / n_components)
    for _ in range(iterations):
        total = likelihood @ mass.astype(likelihood.dtype)
        mass = mass * ((1 / (n * total) if share is None else share / total) @ likelihood)
    return mass
