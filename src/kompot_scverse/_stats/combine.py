"""Combining tests: Cauchy combination over neighbourhoods, false discovery rates over genes or neighbourhoods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import false_discovery_control

from .moderated import SampleDesign, SampleMeans, fit_means, moderated_test, sample_variance
from .neighborhoods import TINY, effective_cells, node_means

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .neighborhoods import NeighborhoodMoments, NodeMeans

__all__ = ["GeneTest", "GeneTestSettings", "benjamini_hochberg", "cauchy_combination", "gene_test", "spatial_fdr"]

LARGEST_P = 0.99
"""Larger p are taken as this. One p next to 1 would otherwise outvote any evidence elsewhere: its Cauchy deviate tends
to minus infinity (truncated Cauchy combination: Gui, Jiang & Wang 2023)."""
SAMPLE_VARIANCE_GENES = 1000
"""Genes per neighbourhood that estimate the variance between samples."""


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
    p = np.clip(np.where(tested, pvalues, 0.5), np.finfo(float).tiny, LARGEST_P)
    w = np.where(tested, 1.0 if weights is None else weights, 0.0)
    # 1/tan keeps full relative precision for small p; near 1/2 and above tan is exact enough
    total = w.sum(axis=axis)
    with np.errstate(invalid="ignore"):
        statistic = (w / np.tan(np.pi * p)).sum(axis=axis) / total
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
    min_expressing: float = 15
    """Effective expressing cells, over all samples, below which a gene is not tested in a neighbourhood."""
    prior: Literal["npmle", "limma"] = "npmle"
    """Family of the prior of the variances."""


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
    sample_variance: float
    """Squared coefficient of variation between samples, κ²."""


def gene_test(
    moments: NeighborhoodMoments,
    nodes: NDArray[np.bool_],
    design: SampleDesign,
    settings: GeneTestSettings = GeneTestSettings(),
) -> GeneTest:
    """Test every gene for a change anywhere.

    Per node: generalised least squares of the sample means with precision from the cell numbers, a variance moderated
    along a trend with the variance between cells, then the Cauchy combination over nodes. Its weights are the expected
    |z| of a given relative change, level / prior standard error, which does not depend on the samples' conditions.

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
    shape = (len(nodes), moments.sums.shape[2])
    effect, z, pvalue = (np.full(shape, np.nan) for _ in range(3))
    weight = np.zeros(shape)
    n_eff = np.array([effective_cells(moments, members) for members in nodes])
    usable = {i: use for i, n in enumerate(n_eff) if (use := _usable(n, design, settings)) is not None}
    variation = _sample_variance(moments, {i: nodes[i] for i in usable}, usable, design)
    for i, use in usable.items():
        data = node_means(moments, nodes[i])
        fit = fit_means(_observations(data, use, design), variation)
        # a residual variance of rounding errors only is a gene that does not vary
        genes = np.flatnonzero((data.n_expressing >= settings.min_expressing) & (fit.variance > 1e-12 * data.level**2))
        if len(genes) == 0:
            continue
        test = moderated_test(fit.subset(genes), np.log(data.cell_variance[genes]), settings.prior)
        effect[i, genes], z[i, genes], pvalue[i, genes] = test.effect, test.z, test.pvalue
        weight[i, genes] = data.level[genes] / test.prior_stderr
    combined = cauchy_combination(pvalue, weight)
    return GeneTest(combined, benjamini_hochberg(combined), effect, z, pvalue, variation)


def _usable(n_eff: NDArray[np.float64], design: SampleDesign, settings: GeneTestSettings) -> NDArray[np.bool_] | None:
    """Samples with enough cells; None if they leave too little: half the residual degrees of freedom must remain."""
    use = n_eff >= settings.min_cells
    rest = design.restricted(use)
    if not use.any() or rest.residual_df < max(1, design.residual_df / 2) or not rest.estimable:
        return None
    return use


def _observations(
    data: NodeMeans, use: NDArray[np.bool_], design: SampleDesign, genes: NDArray[np.intp] | slice = slice(None)
) -> SampleMeans:
    relative = data.level[genes] ** 2 / np.maximum(data.cell_variance[genes], TINY)
    covariance = data.covariance[np.ix_(use, use)]
    return SampleMeans(data.means[use][:, genes], covariance, relative, design.restricted(use))


def _sample_variance(
    moments: NeighborhoodMoments,
    nodes: dict[int, NDArray[np.bool_]],
    usable: dict[int, NDArray[np.bool_]],
    design: SampleDesign,
) -> float:
    """Variance between samples, from the genes with the most expressing cells of every node."""

    def prepared() -> Iterator[SampleMeans]:
        for i, use in usable.items():
            data = node_means(moments, nodes[i])
            genes = np.argsort(-data.n_expressing, kind="stable")[:SAMPLE_VARIANCE_GENES]
            yield _observations(data, use, design, genes)

    return sample_variance(prepared())
