"""Combining tests: Cauchy combination over neighbourhoods, false discovery rates over genes or neighbourhoods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import false_discovery_control

from kompot_scverse._gp.parallel import compute_here

from .between_samples import between_samples
from .level_trend import remove_level_trend
from .linear_model import SampleDesign, fit_linear, tempered_covariance
from .moderated import SMALLEST_P, ModeratedTest, moderated_test
from .node_means import effective_cells, node_means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .neighborhoods import NeighborhoodMoments

__all__ = ["GeneTest", "GeneTestSettings", "benjamini_hochberg", "cauchy_combination", "gene_test", "spatial_fdr"]

LARGEST_P = 0.99
"""Larger p are taken as this. One p next to 1 would otherwise outvote any evidence elsewhere: its Cauchy deviate tends
to minus infinity (truncated Cauchy combination: Gui, Jiang & Wang 2023)."""
ENRICHED_P = 0.01
"""A node with more p below this than by chance weighs more: in proportion, since on Kang's controls the square
of the ratio raised the average precision for genes that change in monocytes from 0.55 to 0.59 but also the share of p
below 0.05 among the most expressed genes."""


def cauchy_combination(
    pvalues: NDArray[np.float64], weights: NDArray[np.float64] | None = None, axis: int = 0
) -> NDArray[np.float64]:
    r"""Combine p-values of any dependence: ACAT (Liu & Xie 2020).

    :math:`T = \sum_i w_i \cot(\pi p_i) / \sum_i w_i` is about standard Cauchy in its tail if all nulls hold, and
    :math:`p = \tfrac12 - \arctan(T)/\pi`. Both are evaluated without cancellation, down to p = 1e-300.

    Parameters
    ----------
    pvalues
        Any shape; NaN where not tested, which is left out.
    weights
        Non-negative weights that broadcast to `pvalues`; they must not depend on what is tested. Equal if None.
    axis
        Axis to combine over.

    Returns
    -------
    Combined p, NaN where nothing was tested.
    """
    tested = np.isfinite(pvalues)
    p = np.clip(np.where(tested, pvalues, 0.5), SMALLEST_P, LARGEST_P)
    w = np.where(tested, 1.0 if weights is None else weights, 0.0)
    # 1/tan keeps full relative precision for small p; near 1/2 and above tan is exact enough
    total = w.sum(axis=axis)
    statistic = (w / np.tan(np.pi * p)).sum(axis=axis) / np.where(total > 0, total, 1)
    # arctan2(1, T) = π/2 − arctan(T) without the cancellation at large T
    return np.where(total > 0, np.arctan2(1, statistic) / np.pi, np.nan)


def benjamini_hochberg(pvalues: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p (Benjamini & Hochberg 1995); NaN stays NaN and does not count as a test."""
    adjusted = np.full(np.shape(pvalues), np.nan)
    tested = np.isfinite(pvalues)
    if tested.any():
        adjusted[tested] = false_discovery_control(pvalues[tested])
    return adjusted


def spatial_fdr(pvalues: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Benjamini-Hochberg with weights: the rate counts weight instead of tests (Lun 2017, Dann 2022).

    :math:`q_{(i)} = \min_{k \ge i} p_{(k)} \sum_l w_l / \sum_{l \le k} w_{(l)}`.

    Parameters
    ----------
    pvalues
        One p per neighbourhood; NaN where not tested.
    weights
        Share of the space that each neighbourhood stands for, such as the reciprocal of the density around it.
    """
    adjusted = np.full(np.shape(pvalues), np.nan)
    tested = np.flatnonzero(np.isfinite(pvalues))
    order = tested[np.argsort(pvalues[tested], kind="stable")]
    raw = pvalues[order] * weights[order].sum() / np.cumsum(weights[order])
    adjusted[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1)
    return adjusted


@dataclass(frozen=True)
class GeneTestSettings:
    """What is tested, and with which prior of the variances."""

    min_cells: float = 3
    """Effective cells below which a sample is left out of a neighbourhood."""
    min_expressing: float = 10
    """Effective expressing cells that a contrast rests on, below which a gene is not tested in a neighbourhood."""
    prior: Literal["npmle", "limma"] = "npmle"
    """Family of the prior of the variances."""
    level_trend: bool = True
    """Remove what genes of one level of expression share (:func:`remove_level_trend`). Not for genes chosen because they
    change together."""


@dataclass(frozen=True)
class GeneTest:
    """Tests of all genes. Nodes are groups of neighbourhoods, in the order of the tree: first the single ones."""

    pvalue: NDArray[np.float64]
    """Per gene, combined over the nodes; NaN if tested nowhere."""
    qvalue: NDArray[np.float64]
    """Benjamini-Hochberg over the genes."""
    effect: NDArray[np.float64]
    """Difference of the sample means, nodes x genes; NaN where not tested, as the two below."""
    z: NDArray[np.float64]
    """Moderated z, nodes x genes."""
    node_pvalue: NDArray[np.float64]
    """p, nodes x genes."""


def gene_test(
    moments: NeighborhoodMoments,
    nodes: NDArray[np.bool_],
    design: SampleDesign,
    settings: GeneTestSettings = GeneTestSettings(),
) -> GeneTest:
    """Test every gene for a change anywhere.

    Per node: generalised least squares of the sample means, normalised for depth (:func:`remove_level_trend`), with
    precision from the cell numbers and the variance :func:`between_samples`, a variance moderated
    along its trend with the variance between cells, then the Cauchy combination over nodes. Its weights are the product of
    the expected |z| of a given relative change, level / prior standard error, which does not depend on the samples'
    conditions, and of the node's :func:`enrichment` over all genes.

    Parameters
    ----------
    moments
        Sums over cells.
    nodes
        Groups of neighbourhoods, nodes x m: the tree, or the identity for single neighbourhoods or given labels.
    design
        Design of all samples.
    settings
        Thresholds and prior.
    """
    import dask

    shape = (len(nodes), moments.sums.shape[2])
    effect, z, pvalue = (np.full(shape, np.nan) for _ in range(3))
    weight = np.zeros(shape)
    # the moments in a closure: as an argument, dask would look for its own objects in all of them
    task = dask.delayed(lambda members: _test_node(moments, members, design, settings), pure=False)
    for i, found in enumerate(compute_here(*[task(members) for members in nodes])):
        if found is not None:
            genes, test, weights = found
            effect[i, genes], z[i, genes], pvalue[i, genes], weight[i, genes] = (
                test.effect,
                test.z,
                test.pvalue,
                weights,
            )
    combined = cauchy_combination(pvalue, weight)
    return GeneTest(combined, benjamini_hochberg(combined), effect, z, pvalue)


def _test_node(
    moments: NeighborhoodMoments, members: NDArray[np.bool_], design: SampleDesign, settings: GeneTestSettings
) -> tuple[NDArray[np.intp], ModeratedTest, NDArray[np.float64]] | None:
    """The genes that are tested in a node, their tests, and their weights in the combination."""
    use = _usable(effective_cells(moments, members), design, settings)
    if use is None:
        return None
    rest = design.restricted(use)
    data = node_means(moments, members, rest.coefficients(use))
    genes = np.flatnonzero((data.n_expressing >= settings.min_expressing) & (data.cell_variance > 0))
    if len(genes) == 0:
        return None
    means = data.means[np.ix_(use, genes)]
    if settings.level_trend:
        means = remove_level_trend(means, data.level[genes])
    covariance = data.covariance[np.ix_(use, use)]
    between = between_samples(means, covariance, data.cell_variance[genes], rest)
    fit = fit_linear(means, tempered_covariance(covariance, between), rest)
    # a residual variance of rounding errors only is a gene that does not vary
    varies = fit.variance > 1e-12 * data.level[genes] ** 2
    genes = genes[varies]
    if len(genes) == 0:
        return None
    test = moderated_test(fit.subset(np.flatnonzero(varies)), np.log(data.cell_variance[genes]), settings.prior)
    return genes, test, data.level[genes] / test.prior_stderr * enrichment(test.pvalue)


def enrichment(pvalues: NDArray[np.float64]) -> float:
    r"""How many more p below 0.01 a node has than nothing to find would give, shrunk by ten expected ones.

    As weight over nodes it directs the combination to where many genes change (hypothesis weights learnt from the data:
    Ignatiadis et al. 2016). One gene hardly moves it, so for a null gene it is as good as fixed.
    """
    return (float((pvalues < ENRICHED_P).sum()) + 10) / (ENRICHED_P * len(pvalues) + 10)


def _usable(n_eff: NDArray[np.float64], design: SampleDesign, settings: GeneTestSettings) -> NDArray[np.bool_] | None:
    """Samples with enough cells; None if they leave too little: half the residual degrees of freedom must remain."""
    use = n_eff >= settings.min_cells
    rest = design.restricted(use)
    if not use.any() or rest.residual_df < max(1, design.residual_df / 2) or not rest.estimable:
        return None
    return use
