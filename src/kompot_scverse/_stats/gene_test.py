"""Test of every gene for a change anywhere: moderated tests in nested neighbourhoods, combined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from kompot_scverse._gp.parallel import compute_here

from .between_samples import between_samples
from .combine import benjamini_hochberg, cauchy_combination
from .level_trend import remove_level_trend
from .linear_model import SampleDesign, fit_linear, tempered_covariance
from .moderated import ModeratedTest, moderated_test
from .node_means import effective_cells, node_means
from .node_weights import node_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .neighborhoods import NeighborhoodMoments

__all__ = ["GeneTest", "GeneTestSettings", "gene_test"]


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
    along its trend with the variance between cells, then the Cauchy combination over nodes with :func:`node_weights`.

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
    # the moments in a closure: as an argument, dask would look for its own objects in all of them
    task = dask.delayed(lambda members: _test_node(moments, members, design, settings), pure=False)
    for i, found in enumerate(compute_here(*[task(members) for members in nodes])):
        if found is not None:
            genes, test = found
            effect[i, genes], z[i, genes], pvalue[i, genes] = test.effect, test.z, test.pvalue
    combined = cauchy_combination(pvalue, node_weights(z)[:, None])
    return GeneTest(combined, benjamini_hochberg(combined), effect, z, pvalue)


def _test_node(
    moments: NeighborhoodMoments, members: NDArray[np.bool_], design: SampleDesign, settings: GeneTestSettings
) -> tuple[NDArray[np.intp], ModeratedTest] | None:
    """The genes that are tested in a node, and their tests."""
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
    return genes, test


def _usable(n_eff: NDArray[np.float64], design: SampleDesign, settings: GeneTestSettings) -> NDArray[np.bool_] | None:
    """Samples with enough cells; None if they leave too little: half the residual degrees of freedom must remain."""
    use = n_eff >= settings.min_cells
    rest = design.restricted(use)
    if not use.any() or rest.residual_df < max(1, design.residual_df / 2) or not rest.estimable:
        return None
    return use
