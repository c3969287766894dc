"""Mean expression of every sample in a group of neighbourhoods, and how well it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .neighborhoods import TINY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .neighborhoods import NeighborhoodMoments

__all__ = ["NodeMeans", "effective_cells", "node_means"]


def effective_cells(moments: NeighborhoodMoments, members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Effective cell number (Σω)²/Σω² of every sample in a group of neighbourhoods, ω being the group's weights."""
    norm = moments.gram[:, members][:, :, members].sum(axis=(1, 2))
    return moments.mass[:, members].sum(axis=1) ** 2 / np.maximum(norm, TINY)


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
    cells, its cells have large ones and all others hardly count. With the shares
    :math:`A^{(k)}_j = \sum_s n_{sj} |a_{sj}|^k` the contrast's variance is :math:`\sum_j A^{(2)}_j v_{gj}` for variances
    :math:`v_{gj}` between cells, of which `cell_variance` is the mean in these proportions, and
    :math:`(\sum_j A^{(2)}_j p_{gj})^3 / (\sum_j A^{(3)}_j p_{gj})^2` expressing cells at the share :math:`p_{gj}` bound
    how far the contrast is from normal (Berry-Esseen). It is their plain number where both conditions have as many cells.

    Parameters
    ----------
    moments
        Moments of all samples.
    members
        Neighbourhoods of the group, m.
    contrast
        Coefficients of the samples' means in the contrast, which sum to zero.
    """
    mass, sums = moments.mass[:, members], moments.sums[:, members]
    per_sample, per_neighborhood = mass.sum(axis=1), np.maximum(mass.sum(axis=0), TINY)
    total = per_sample.sum()
    pooled, squares = moments.pooled[members], moments.squares[members]
    level = pooled.sum(axis=0) / total

    n_eff = np.maximum(effective_cells(moments, members), TINY)
    composition = mass / per_neighborhood
    if members.sum() == 1:
        # the means themselves; written as deviations, since the sums may be of deviations from a fit
        deviation = sums[:, 0] / np.maximum(per_sample, TINY)[:, None] - sums[:, 0].sum(axis=0) / total
        covariance = np.diag(1 / n_eff)
        coefficient = (contrast / np.maximum(per_sample, TINY))[:, None]
    else:
        inverse = np.linalg.pinv(np.diag(per_sample) - composition @ mass.T, rcond=1e-8, hermitian=True)
        deviation = inverse @ (sums.sum(axis=1) - composition @ sums.sum(axis=0))
        # α is defined up to a constant: the one of mean zero; 1/total returns the variance of the overall mean.
        # Soft weights average more cells than they sum to, hence the factor.
        shrink = np.sqrt(per_sample / n_eff)
        covariance = (inverse + 1 / total) * np.outer(shrink, shrink)
        of_sample = inverse @ contrast
        coefficient = of_sample[:, None] - of_sample @ composition
        # where no neighbourhood has samples of both sides, rounding errors are all there is
        coefficient[np.abs(coefficient) < 1e-9 * np.abs(of_sample).max()] = 0
    second, third = (np.sum(composition * np.abs(coefficient) ** k, axis=0) for k in (2, 3))
    within = np.maximum(squares - pooled**2 / per_neighborhood[:, None], 0)
    # (Σωy)²/Σωy² counts the cells if y is 0 or 1
    expressing = pooled**2 / np.maximum(squares, TINY)
    return NodeMeans(
        means=level + deviation,
        covariance=covariance,
        level=level,
        cell_variance=second @ within / max(second @ per_neighborhood, TINY**2),
        n_expressing=(second @ expressing) ** 3 / np.maximum((third @ expressing) ** 2, TINY**4),
    )
