"""Test of every gene for a change anywhere: moderated tests in nested neighbourhoods, combined."""

from dataclasses import dataclass
from typing import Literal

import dask
import numpy as np
from numpy.typing import NDArray

from kompot_scverse._gp.parallel import compute_here
from kompot_scverse._gp.progress import progress_bar

from .between_samples import between_samples
from .block_testing import BlockFit, fit_blocks
from .calibrated_combination import calibrated, correlation_between
from .combine import benjamini_hochberg, cauchy_combination
from .gene_weights import expected_z, gene_weights
from .level_trend import remove_level_trend
from .linear_model import SampleDesign, tempered_covariance
from .moderated import ModeratedTest
from .neighborhoods import NeighborhoodMoments
from .node_means import effective_cells, node_means
from .node_weights import node_probabilities, weights_from_others

GENES_PER_DF = 7
"""Of few genes, as many are needed for the prior of the variances to count as much as the samples do. Of 50 unchanged genes
1 to 4 % had a combined p below 0.05 where it never counted more, and 2 to 5 % so; with any number of degrees of freedom 5 to 8 %."""

ROUNDING = 1e-6
"""Relative difference up to which a number of cells is the least one: cells of next to equal weight add up to a whole number."""


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
    weights: Literal["power", "equal"] = "power"
    """Weights of the genes in the false discovery rate: by how well a change would be seen (:func:`gene_weights`), or the same for all."""


@dataclass(frozen=True)
class GeneTest:
    """Tests of all genes. Nodes are groups of neighbourhoods, in the order of the tree: first the single ones."""

    pvalue: NDArray[np.float64]
    """Per gene, combined over the nodes; NaN if tested nowhere."""
    qvalue: NDArray[np.float64]
    """Benjamini-Hochberg over the genes, with their weights."""
    weight: NDArray[np.float64]
    """Weight of each gene; of the genes that are learnt from, one on average."""
    effect: NDArray[np.float64]
    """Tested contrast of the sample means, nodes x genes, of several nodes x genes x contrasts; NaN where not tested, as
    the two below."""
    z: NDArray[np.float64]
    """Moderated z, nodes x genes; of several contrasts not negative."""
    node_pvalue: NDArray[np.float64]
    """p, nodes x genes."""
    probability: NDArray[np.float64]
    """That a gene changes and that a node explains its change best (:func:`node_probabilities`), nodes x genes."""

    def places(self) -> NDArray[np.intp]:
        """Node that explains the change of each gene best; -1 for genes that are tested nowhere."""
        known = np.isfinite(self.probability).any(axis=0)
        return np.where(known, np.where(known, self.probability, 0).argmax(axis=0), -1)

    def at_places(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values by nodes and genes at the place of each gene; NaN where it has none."""
        places, genes = self.places(), np.arange(values.shape[1])
        return np.where(places >= 0, values[np.maximum(places, 0), genes], np.nan)

    def subset(self, genes: NDArray[np.intp]) -> "GeneTest":
        """The test of some of the genes, with q over them alone."""
        p, weight = self.pvalue[genes], self.weight[genes]
        columns = (values[:, genes] for values in (self.effect, self.z, self.node_pvalue, self.probability))
        return GeneTest(p, benjamini_hochberg(p, weight), weight, *columns)


def gene_test(
    moments: NeighborhoodMoments,
    nodes: NDArray[np.bool_],
    design: SampleDesign,
    settings: GeneTestSettings = GeneTestSettings(),
    reference: NDArray[np.bool_] | None = None,
) -> GeneTest:
    """Test every gene for a change anywhere.

    In each node, the sample means are normalised for depth (:func:`remove_level_trend`) and fitted by generalised least squares.
    Their covariance comes from the cell numbers and from the variance :func:`between_samples` at the level of the gene, with samples of one block correlated
    (:func:`fit_blocks`). The gene variances are shrunk towards their trend with the variance between cells, for a moderated t-test
    of one contrast or F-test of several. The p-values of a gene are combined over the nodes (Cauchy combination, weights from
    :func:`weights_from_others`) and held to their level where nodes are correlated (:func:`calibrated`). The q-values are those of p over the
    weights of the genes (:func:`gene_weights`).

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
    reference
        Genes from which the trend with depth, the variance between samples, the prior of the variances and the weights of the
        nodes are estimated; None for all. The result of a gene does not depend on which other genes are tested.
    """
    known = np.ones(moments.sums.shape[2], dtype=bool) if reference is None else reference
    shape = (len(nodes), moments.sums.shape[2])
    z, pvalue, expected = (np.full(shape, np.nan) for _ in range(3))
    effect = np.full(shape + design.contrast.shape[1:], np.nan)

    with progress_bar(len(nodes), "replicate test", "neighbourhoods") as advance:
        # the moments in a closure: as an argument, dask would look for its own objects in all of them
        def tested(members: NDArray[np.bool_]) -> tuple[NDArray[np.intp], ModeratedTest, NDArray[np.float64]] | None:
            found = fit_node(moments, members, design, settings, known, len(nodes))
            advance(1)
            return None if found is None else (found.genes, found.test, found.expected)

        task = dask.delayed(tested, pure=False)
        found_at = compute_here(*[task(members) for members in nodes])
    for i, found in enumerate(found_at):
        if found is not None:
            genes, test, of_change = found
            effect[i, genes], z[i, genes], pvalue[i, genes] = test.effect.T, test.z, test.pvalue
            expected[i, genes] = of_change
    # one contrast written as several has a sign, too
    signed = z * np.sign(effect[..., 0]) if effect.shape[2:] == (1,) else z
    of_nodes = weights_from_others(z, known)
    combined = _combined(pvalue, of_nodes, signed, known)
    weight = np.ones(shape[1]) if settings.weights == "equal" else gene_weights(expected, of_nodes, known)
    rates = benjamini_hochberg(combined, weight)
    return GeneTest(combined, rates, weight, effect, z, pvalue, node_probabilities(z, known))


def _combined(
    pvalue: NDArray[np.float64], weights: NDArray[np.float64], z: NDArray[np.float64], reference: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Over the nodes, held to its level where these are correlated; all that is shared comes from the reference genes."""
    combined = cauchy_combination(pvalue, weights)
    known = np.ix_(np.isfinite(z[:, reference]).any(axis=1), reference)
    if known[0].size < 2:
        return combined
    return calibrated(combined, correlation_between(z[known]), weights[known].mean(axis=1))


@dataclass(frozen=True)
class NodeFit:
    """The genes that are tested in a node, and their fits to the sample means."""

    genes: NDArray[np.intp]
    """Their numbers."""
    samples: NDArray[np.intp]
    """Numbers of the samples with enough cells."""
    means: NDArray[np.float64]
    """Means of these samples, normalised for depth: samples x genes."""
    covariance: NDArray[np.float64]
    """Of the means of the typical gene without blocks, up to its variance: samples x samples."""
    spread: NDArray[np.float64]
    """Mean variance of the samples in the covariance of each gene, over that of the typical one."""
    design: SampleDesign
    fit: BlockFit
    test: ModeratedTest
    expected: NDArray[np.float64]
    """Expected z if the gene changed (:func:`expected_z`)."""


def fit_node(
    moments: NeighborhoodMoments,
    members: NDArray[np.bool_],
    design: SampleDesign,
    settings: GeneTestSettings = GeneTestSettings(),
    reference: NDArray[np.bool_] | None = None,
    n_nodes: int = 1,
) -> NodeFit | None:
    """Fit and test the genes in one of `n_nodes` groups of neighbourhoods, as :func:`gene_test`; None where nothing can be tested."""
    reference = np.ones(moments.sums.shape[2], dtype=bool) if reference is None else reference
    use = _usable(effective_cells(moments, members), design, settings)
    if use is None:
        return None
    rest = design.restricted(use)
    data = node_means(moments, members, rest.coefficients(use))
    genes = np.flatnonzero((data.n_expressing >= settings.min_expressing) & (data.cell_variance > 0))
    if not reference[genes].any():
        return None
    means, known = data.means[np.ix_(use, genes)], reference[genes]
    if settings.level_trend:
        means = remove_level_trend(means, data.level[genes], known)
    sampling = data.covariance[np.ix_(use, use)]
    between = between_samples(means, sampling, data.cell_variance[genes], data.level[genes], rest, known)
    steps, groups = np.unique(between, return_inverse=True)
    covariances = np.stack([tempered_covariance(sampling, step) for step in steps])
    fit = fit_blocks(means, covariances, rest, data.cell_variance[genes], known, groups)
    typical = covariances[int(np.median(groups))]
    spread = (np.trace(covariances, axis1=1, axis2=2) / np.trace(typical))[groups]
    # a residual variance of rounding errors only is a gene that does not vary
    varies = fit.variance > 1e-12 * data.level[genes] ** 2
    genes, means, known, spread = genes[varies], means[:, varies], known[varies], spread[varies]
    if not known.any():
        return None
    covariate = np.log(data.cell_variance[genes])
    largest_df = fit.df * max(1.0, known.sum() / GENES_PER_DF)
    fit = fit.subset(np.flatnonzero(varies))
    test = fit.test(covariate, settings.prior, known, largest_df, n_nodes)
    expected = expected_z(test, rest, data.level[genes])
    return NodeFit(genes, np.flatnonzero(use), means, typical, spread, rest, fit, test, expected)


def _usable(n_eff: NDArray[np.float64], design: SampleDesign, settings: GeneTestSettings) -> NDArray[np.bool_] | None:
    """Samples with enough cells; None if they leave too little: half the residual degrees of freedom must remain."""
    use = n_eff >= settings.min_cells * (1 - ROUNDING)
    rest = design.restricted(use)
    if not use.any() or rest.residual_df < max(1, design.residual_df / 2) or not rest.estimable:
        return None
    return use
