"""Distances between samples: of their fields over the neighbourhoods, and of their log densities there."""

import numpy as np
from numpy.typing import NDArray

from .abundance_testing import MIN_EXPECTED_CELLS, PRIOR_CELLS
from .neighborhoods import TINY, NeighborhoodMoments

BLOCK = 512
"""Genes at a time."""


def expression_distances(moments: NeighborhoodMoments, genes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Root mean square difference of the fields of two samples, over genes and cells, in standard deviations of a cell.

    Parameters
    ----------
    moments
        Sums over the cells of every sample.
    genes
        Which genes count; those that do not vary within neighbourhoods do not.

    Returns
    -------
    Samples x samples.
    """
    pooled, mass = moments.sums.sum(axis=0), moments.mass.sum(axis=0)
    within = moments.squares - pooled**2 / np.maximum(mass, TINY)[:, None]
    variance = np.maximum(within, 0).sum(axis=0) / mass.sum()
    scale = np.square(pooled.sum(axis=0) / mass.sum())
    chosen = np.flatnonzero(genes & (variance > 1e-12 * scale) & (variance > 0))
    if len(chosen) == 0:
        return np.zeros((len(moments.mass),) * 2)
    sums, deviation = moments.sums[:, :, chosen], np.sqrt(variance[chosen])
    ratio = variance_ratio(moments.mass, sums, deviation)
    return field_distances(moments.gram, sums, deviation, ratio)


def variance_ratio(mass: NDArray[np.float64], sums: NDArray[np.floating], deviation: NDArray[np.float64]) -> float:
    r"""Variance between samples over that between cells, of all genes together.

    The moment estimate of DerSimonian & Laird (1986): with n cells of a sample in a neighbourhood and N of all, the weighted sum of
    squares :math:`\sum_s n_s (\bar y_s - \bar y)^2` is on average :math:`\sigma^2 (k - 1 + \rho (N - \sum n_s^2 / N))`. No condition
    takes part, so that permutations of the samples leave everything as it is. At least the inverse of the cells of the
    largest sample, with which it counts half.

    Parameters
    ----------
    mass
        Cells, samples x m.
    sums
        Sums over the cells, samples x m x genes.
    deviation
        Standard deviation between cells of each gene.
    """
    total = np.maximum(mass.sum(axis=0), TINY)
    spread = (total - np.square(mass).sum(axis=0) / total).sum() * len(deviation)
    excess = 0.0
    for start in range(0, len(deviation), BLOCK):
        own = sums[:, :, start : start + BLOCK] / deviation[start : start + BLOCK]
        # Σ n ȳ² − N ȳ², of samples with cells
        squares = np.square(own) / np.maximum(mass, TINY)[:, :, None]
        excess += float(np.where(mass[:, :, None] > TINY, squares, 0).sum())
        excess -= float((np.square(own.sum(axis=0)) / total[:, None]).sum())
    excess -= ((mass > TINY).sum(axis=0) - 1).clip(0).sum() * len(deviation)
    return max(excess / max(spread, TINY), 1 / max(mass.sum(axis=1).max(), 1.0))


def field_distances(
    gram: NDArray[np.float64], sums: NDArray[np.floating], deviation: NDArray[np.float64], ratio: float
) -> NDArray[np.float64]:
    r"""Euclidean distances of the samples' posterior weights, whitened by the mean posterior precision of the samples.

    A cell of sample s has the expression :math:`\Phi(x)^\top w_s + \varepsilon` with :math:`w_s \sim N(\mu, \rho \sigma^2 I)`. With
    :math:`G_s = \sum \Phi \Phi^\top` and :math:`B_s = \sum \Phi y`, the posterior mean is
    :math:`\mu + \rho (I + \rho G_s)^{-1} (B_s - G_s \mu)`, :math:`\mu` being that of largest likelihood of all samples together. Squared
    distances are :math:`(w_s - w_t)^\top M (w_s - w_t) / \sigma^2` with the mean M of the precisions :math:`I / \rho + G_s`, averaged over the genes and divided
    by :math:`1^\top M 1`: a difference of c standard deviations everywhere is a distance of c.

    Parameters
    ----------
    gram
        G of every sample, samples x m x m.
    sums
        B of every sample, samples x m x genes.
    deviation
        :math:`\sigma` of each gene.
    ratio
        :math:`\rho`.
    """
    k, m = gram.shape[:2]
    solve = np.linalg.inv(np.eye(m) + ratio * gram)
    information = solve @ gram
    center = np.linalg.pinv(information.sum(axis=0), hermitian=True)
    metric = np.eye(m) / ratio + gram.mean(axis=0)
    root = np.linalg.cholesky(metric / metric.sum())
    products = np.zeros((k, k))
    for start in range(0, len(deviation), BLOCK):
        own = sums[:, :, start : start + BLOCK] / deviation[start : start + BLOCK]
        linear = solve @ own
        mean = center @ linear.sum(axis=0)
        whitened = (root.T @ (ratio * (linear - information @ mean))).reshape(k, -1)
        products += whitened @ whitened.T
    return _distances(products / len(deviation))


def abundance_distances(mass: NDArray[np.float64], gram: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Root mean square difference of the log odds of two samples over the neighbourhoods, natural logarithm.

    The logits are those of :func:`abundance_test`, which counting gives the variance :math:`u_j^2 / n_s`. In units of u they are shrunk
    towards the mean of all samples by what the cells of the sample tell; neighbourhoods count by their precision :math:`1 / u_j^2`.

    Parameters
    ----------
    mass
        Soft cell numbers, samples x m; rows sum to the cells of the sample.
    gram
        WᵀW of every sample, samples x m x m.
    """
    n_cells = mass.sum(axis=1)
    share = mass.sum(axis=0) / n_cells.sum()
    tested = (mass.mean(axis=0) >= MIN_EXPECTED_CELLS) & (share < 1)
    if not tested.any():
        return np.zeros((len(mass),) * 2)
    own, share = mass[:, tested], share[tested]
    unit = np.sqrt(np.diagonal(gram.sum(axis=0))[tested] / own.sum(axis=0) / (share * (1 - share)))
    logit = np.log((own + PRIOR_CELLS) / (n_cells[:, None] - own + PRIOR_CELLS)) / unit
    # as one cell in each unit
    everywhere = np.repeat(n_cells[:, None], len(share), axis=1)
    ratio = variance_ratio(everywhere, (everywhere * logit)[:, :, None], np.ones(1))
    weight = n_cells / (1 + ratio * n_cells)
    mean = weight @ logit / weight.sum()
    shrunk = ratio * weight[:, None] * (logit - mean)
    return _distances(shrunk @ shrunk.T / np.sum(1 / unit**2))


def _distances(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances from inner products."""
    squares = np.diagonal(products)
    found = np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 0))
    np.fill_diagonal(found, 0.0)
    return found
