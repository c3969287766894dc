"""Mean expression of every sample in a group of neighbourhoods, and how well it is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .neighborhoods import TINY, NeighborhoodMoments


def effective_cells(moments: NeighborhoodMoments, members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Effective cell number (Σω)²/Σω² of every sample in a group of neighbourhoods, ω being the group's weights."""
    norm = moments.gram[:, members][:, :, members].sum(axis=(1, 2))
    return moments.mass[:, members].sum(axis=1) ** 2 / np.maximum(norm, TINY)


def sample_laplacian(mass: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""The matrices of a two-way model of samples and neighbourhoods, see :func:`node_means`.

    Returns
    -------
    Shares of the samples in each neighbourhood, samples x m, and the pseudo-inverse of the Laplacian L, samples x samples.
    """
    composition = mass / np.maximum(mass.sum(axis=0), TINY)
    laplacian = np.diag(mass.sum(axis=1)) - composition @ mass.T
    return composition, np.linalg.pinv(laplacian, rcond=1e-8, hermitian=True)


@dataclass(frozen=True)
class NodeMeans:
    """Mean expression of every sample in one group of neighbourhoods."""

    means: NDArray[np.float64]
    """samples x genes; of no use for a sample without cells."""
    covariance: NDArray[np.float64]
    """Sampling covariance of the means in units of the variance between cells: samples x samples."""
    level: NDArray[np.float64]
    """Mean over the cells of all samples, per gene."""
    cell_variance: NDArray[np.float64]
    """Variance between cells within neighbourhoods, per gene, where the cells are that the contrast rests on."""
    n_expressing: NDArray[np.float64]
    """Effective number of expressing cells that the contrast rests on, per gene."""


def node_means(moments: NeighborhoodMoments, members: NDArray[np.bool_], contrast: NDArray[np.float64]) -> NodeMeans:
    r"""Sample means over a group of neighbourhoods, adjusted for how the sample's cells spread over them.

    A plain mean over several neighbourhoods would change with the composition of the sample. So the mean of sample s is
    the effect :math:`\alpha_s` of the two-way model :math:`\bar y_{sj} = \mu_j + \alpha_s` with the soft cell numbers
    :math:`n_{sj}` as weights. Eliminating :math:`\mu_j` leaves :math:`L\alpha = r` with the graph Laplacian
    :math:`L = \mathrm{diag}(n_{s\cdot}) - N\,\mathrm{diag}(n_{\cdot j})^{-1} N^T`, the same for all genes; its
    pseudo-inverse is the covariance. Samples that hardly share a neighbourhood so have a difference of large variance, and
    those that share none a difference of zero: neither looks like a change.

    In a contrast :math:`\sum_s c_s \alpha_s` a cell of sample s in neighbourhood j has the coefficient
    :math:`a_{sj} = b_s - \sum_t b_t n_{tj} / n_{\cdot j}` with :math:`b = L^+ c`. Where one condition has few of the
    cells, these have large ones and the others hardly count. With :math:`A^{(k)}_j = \sum_s n_{sj} |a_{sj}|^k` and the
    mean :math:`\mu_{gj}` and variance :math:`v_{gj}` between cells, the variance of the contrast is
    :math:`\sum_j A^{(2)}_j v_{gj}`; `cell_variance` is the mean of the variances in these proportions. How far the
    contrast is from normal depends on its skewness, at most :math:`1/\sqrt{n}` with
    :math:`n = (\sum_j A^{(2)}_j v_{gj})^3 / (\sum_j A^{(3)}_j v_{gj}^2 / \mu_{gj})^2`, since the skewness of a Poisson
    variable is its :math:`\sqrt{v}/\mu`. With as many cells on both sides and few that express, n is the number of the latter.

    Parameters
    ----------
    moments
        Moments of all samples.
    members
        Neighbourhoods of the group, m.
    contrast
        Coefficients of the samples' means in the contrast, which sum to zero; of several, orthonormal columns, and
        :math:`|a_{sj}|` is then the length of the vector of theirs.
    """
    mass, sums = moments.mass[:, members], moments.sums[:, members]
    per_sample, per_neighborhood = mass.sum(axis=1), np.maximum(mass.sum(axis=0), TINY)
    total = per_sample.sum()
    pooled, squares = sums.sum(axis=0), moments.squares[members]
    level = pooled.sum(axis=0) / total

    n_eff = np.maximum(effective_cells(moments, members), TINY)
    columns = contrast.reshape(len(mass), -1)
    if members.sum() == 1:
        means = sums[:, 0] / np.maximum(per_sample, TINY)[:, None]
        covariance = np.diag(1 / n_eff)
        size = np.linalg.norm(columns, axis=1)[:, None] / np.maximum(per_sample, TINY)[:, None]
    else:
        composition, inverse = sample_laplacian(mass)
        means = level + inverse @ (sums.sum(axis=1) - composition @ pooled)
        # α is defined up to a constant: the one of mean zero; 1/total returns the variance of the overall mean.
        # Soft weights average more cells than they sum to, hence the factor.
        shrink = np.sqrt(per_sample / n_eff)
        covariance = (inverse + 1 / total) * np.outer(shrink, shrink)
        of_sample = inverse @ columns
        size = np.linalg.norm(of_sample[:, None] - composition.T @ of_sample, axis=2)
        # where no neighbourhood has samples of both sides, rounding errors are all there is
        size[size < 1e-9 * np.abs(of_sample).max()] = 0
    second, third = (np.sum(mass * size**k, axis=0) for k in (2, 3))
    within = squares - pooled**2 / per_neighborhood[:, None]
    # of a gene with one value in all cells, rounding is all there is
    within[within < 1e-12 * squares] = 0
    variance, mean = within / per_neighborhood[:, None], pooled / per_neighborhood[:, None]
    skew = np.divide(variance**2, mean, out=np.zeros_like(mean), where=mean > 0)
    return NodeMeans(
        means=means,
        covariance=covariance,
        level=level,
        cell_variance=second @ variance / max(second.sum(), TINY**2),
        n_expressing=(second @ variance) ** 3 / np.maximum((third @ skew) ** 2, TINY**4),
    )
