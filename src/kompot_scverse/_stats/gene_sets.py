"""Competitive tests of gene sets on moderated z, with the correlation between genes from the residuals of the samples."""

from dataclasses import dataclass

import dask
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri_exp, stdtr

from kompot_scverse._gp.parallel import compute_here

from .block_correlation import block_covariance
from .calibrated_combination import calibrated, correlation_between
from .combine import benjamini_hochberg, cauchy_combination
from .gene_testing import GeneTestSettings, NodeFit, fit_node
from .linear_model import SampleDesign
from .moderated import SMALLEST_P
from .neighborhoods import NeighborhoodMoments
from .node_weights import weights_from_others

MIN_GENES = 3
"""Tested genes that a set needs in a node."""
SMALLEST = 1e-6
"""Least factor of a variance: a set of copies of one gene has one of rounding errors."""


@dataclass(frozen=True)
class SetTest:
    """Tests of all sets."""

    pvalue: NDArray[np.float64]
    """Combined over the nodes; NaN if tested nowhere."""
    qvalue: NDArray[np.float64]
    """Benjamini-Hochberg over the sets."""
    z: NDArray[np.float64]
    """With the sign of the change, nodes x sets; NaN where not tested."""
    node_pvalue: NDArray[np.float64]
    """Nodes x sets."""
    n_genes: NDArray[np.intp]
    """Genes of each set that are tested in any node."""


def set_test(
    moments: NeighborhoodMoments,
    nodes: NDArray[np.bool_],
    design: SampleDesign,
    sets: NDArray[np.float64],
    settings: GeneTestSettings,
    reference: NDArray[np.bool_] | None = None,
) -> SetTest:
    """Test every set for genes that change more, or more in its direction, than the other genes, anywhere.

    In each node of the tree, :func:`camera` tests the moderated z of the genes. The p-values of a set are combined over the
    nodes (Cauchy combination), weighted by how well each node explains the other sets (:func:`weights_from_others`).

    Parameters
    ----------
    moments, nodes, design, settings, reference
        As in :func:`gene_test`.
    sets
        Weights of the genes in each set, genes x sets; 0 outside, negative for genes that are expected to change the other way.
    """
    shape = (len(nodes), sets.shape[1])
    z, pvalue = np.full(shape, np.nan), np.full(shape, np.nan)
    of_genes = np.full((len(nodes), len(sets)), np.nan)

    df = np.zeros(len(nodes), dtype=int)

    def one(members: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.float64], int, tuple] | None:
        node = fit_node(moments, members, design, settings, reference, len(nodes))
        if node is None:
            return None
        residuals = residual_directions(node)
        return node.genes, node.test.z, len(residuals), camera(node.test.z, residuals, sets[node.genes])

    task = dask.delayed(one, pure=False)
    for i, found in enumerate(compute_here(*[task(members) for members in nodes])):
        if found is not None:
            genes, of_genes[i, genes], df[i], (z[i], pvalue[i]) = found
    weights = weights_from_others(z, np.ones(z.shape[1], dtype=bool))
    combined = cauchy_combination(pvalue, weights)
    used = np.isfinite(z).any(axis=1)
    if used.sum() > 1:
        combined = calibrated(combined, correlation_between(of_genes[used]), weights[used].mean(axis=1), df[used])
    tested = np.isfinite(of_genes).any(axis=0)
    return SetTest(combined, benjamini_hochberg(combined), z, pvalue, (sets[tested] != 0).sum(axis=0))


def residual_directions(node: NodeFit) -> NDArray[np.float64]:
    """Residuals of the genes in independent directions, in moderated standard deviations: residual degrees of freedom x genes.

    Whitened by the covariance of the samples, with the mean correlation within blocks, and projected on what the design leaves, as in
    limma's `interGeneCorrelation`. Divided by their own standard deviation, correlations from few samples would be too small.
    """
    covariance, fits = node.covariance, node.fit.fits
    if node.design.block is not None:
        covariance = block_covariance(covariance, node.design.block, node.fit.correlation)
    root = np.linalg.cholesky(covariance)
    x, y = np.linalg.solve(root, node.design.matrix), np.linalg.solve(root, node.means)
    u, singular, _ = np.linalg.svd(x)
    rank = int((singular > singular[0] * 1e-10).sum())
    scale = sum(np.square(fit.scale) * weight for fit, weight in zip(fits, node.fit.probability, strict=True))
    return u[:, rank:].T @ y * np.sqrt(scale / node.spread) / node.test.stderr


def camera(
    z: NDArray[np.float64], residuals: NDArray[np.float64], sets: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""The competitive test of Wu & Smyth (2012), Nucleic Acids Research 40, e133, for weighted sets.

    The weighted mean of a set, :math:`\sum w_g z_g / \sum |w_g|`, is compared with the mean of the other genes, with the sign that the
    set gives its own on average. This contrast :math:`c^\top z` has the variance :math:`\tau^2 c^\top R c` with the correlations R
    between genes. Its factor over that of independent genes, :math:`c^\top c`, is estimated from the D residual directions of
    the samples, :math:`\sum_d (\sum_g c_g r_{dg})^2 / \sum_d \operatorname{var}_g(r_{dg})`, and t has D degrees of freedom.

    Unlike in the original, c includes the other genes, so that what they share with the set is not counted as its excess. As :math:`\tau^2` is
    the variance of z about its mean over the genes, that of the residuals is, too: what all genes share is in neither. And the factor may be below one: held at one or above, the test of random sets was conservative where modules of genes
    were correlated, with 0 to 1 % of p below 0.05.

    Parameters
    ----------
    z
        Moderated z of the genes.
    residuals
        From :func:`residual_directions`.
    sets
        Weights, genes x sets.

    Returns
    -------
    z of the sets, and two-sided p; NaN with fewer than ``MIN_GENES`` genes, or fewer than half outside.
    """
    n, inside = len(z), sets != 0
    size = inside.sum(axis=0)
    out = np.full((2, sets.shape[1]), np.nan)
    chosen = np.flatnonzero((size >= MIN_GENES) & (size <= n / 2))
    if len(chosen) == 0:
        return out[0], out[1]
    sets, inside, size = sets[:, chosen], inside[:, chosen], size[chosen]
    contrast = sets / np.abs(sets).sum(axis=0)
    contrast -= contrast.sum(axis=0) * ~inside / (n - size)
    delta = contrast.T @ z
    independent = np.square(contrast).sum(axis=0)
    spread = (n - 1) * z.var(ddof=1) - np.square(delta) * size * (n - size) / n
    unit = np.sqrt(np.maximum(spread, 0.0) / (n - 2) * independent)
    factor = np.square(residuals @ contrast).mean(axis=0) / residuals.var(axis=1, ddof=1).mean() / independent
    factor = np.maximum(factor, SMALLEST)
    t = delta / (unit * np.sqrt(factor))
    pvalue = np.maximum(2 * stdtr(len(residuals), -np.abs(t)), SMALLEST_P)
    out[:, chosen] = -np.sign(t) * ndtri_exp(np.log(pvalue / 2)), pvalue
    return out[0], out[1]
