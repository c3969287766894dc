"""Moderated tests of samples in blocks, where genes differ in their correlation within blocks."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kompot_scverse._gp.mixing import mixing_weights

from .between_samples import evenly_chosen
from .block_correlation import block_correlation, block_covariance
from .grouped_fit import fit_groups
from .linear_model import LinearFit, SampleDesign
from .moderated import FEW_GENES, ModeratedTest, moderated_test

GRID = np.array([0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95])
"""Correlations that are averaged over."""
LEAST = 5e-3
"""Share of the genes that a correlation must have."""
ITERATIONS = 100


@dataclass(frozen=True)
class BlockFit:
    """Fits of all genes at several correlations, and the probability of each for every gene."""

    fits: list[LinearFit]
    probability: NDArray[np.float64]
    """Correlations x genes."""
    correlation: float
    """Mean over the genes that it was learnt from; 0 without blocks."""

    @property
    def variance(self) -> NDArray[np.float64]:
        """Residual variance of every gene, the smallest of all correlations."""
        return np.stack([fit.variance for fit in self.fits]).min(axis=0)

    @property
    def df(self) -> int:
        """Residual degrees of freedom."""
        return self.fits[0].df

    def subset(self, genes: NDArray[np.intp]) -> "BlockFit":
        """The fits of some of the genes."""
        return BlockFit([fit.subset(genes) for fit in self.fits], self.probability[:, genes], self.correlation)

    def test(
        self,
        covariate: NDArray[np.float64],
        prior: Literal["npmle", "limma"] = "npmle",
        reference: NDArray[np.bool_] | None = None,
        few_prior_df: float | None = None,
        n_nodes: int = 1,
    ) -> ModeratedTest:
        """:func:`moderated_test` at every correlation; effects, squared errors and p averaged over them."""
        tests = [moderated_test(fit, covariate, prior, reference, few_prior_df, n_nodes) for fit in self.fits]
        if len(tests) == 1:
            return tests[0]
        effect, variance, pvalue, typical = (
            sum(weight * values for weight, values in zip(self.probability, of_tests, strict=True))
            for of_tests in zip(
                *((test.effect, test.stderr**2, test.pvalue, test.typical**2) for test in tests), strict=True
            )
        )
        return ModeratedTest(np.asarray(effect), np.sqrt(variance), np.asarray(pvalue), np.sqrt(typical))


def fit_blocks(
    y: NDArray[np.float64],
    covariance: NDArray[np.float64],
    design: SampleDesign,
    spread: NDArray[np.float64],
    reference: NDArray[np.bool_] | None = None,
    groups: NDArray[np.intp] | None = None,
) -> BlockFit:
    r"""Generalised least squares where samples of one block are correlated.

    Genes differ in how much of their variance is between donors. With one correlation for all, genes with a larger one get
    too small p-values in comparisons between donors, and genes with a smaller one in comparisons within donors: where half
    of the genes had a strong donor effect and half had none, 9 of 1000 unchanged genes had p < 0.001 between donors, and
    0.7 with what is done here. The distribution of the correlation over the genes is estimated by maximum likelihood on a
    grid (expectation-maximisation with the restricted likelihood of each gene, its variance at its best), and p is averaged
    over the posterior of the gene's correlation. Fewer than ``FEW_GENES`` genes share one correlation (:func:`block_correlation`).

    Parameters
    ----------
    y
        Samples x genes.
    covariance
        Their covariance without blocks, up to the gene's variance; of several groups of genes: groups x samples x samples.
    design
        Design of the samples; without blocks the result has one fit.
    spread
        Variance between cells, or level, of each gene: where all genes share a correlation, it is learnt from genes spread evenly along it.
    reference
        Genes that the correlations are learnt from; None for all.
    groups
        Number of the group of each gene.
    """
    n = y.shape[1]
    known = np.ones(n, dtype=bool) if reference is None else reference
    groups = np.zeros(n, dtype=np.intp) if groups is None else groups
    covariances = covariance.reshape(-1, len(y), len(y))
    block = design.block
    if block is None:
        return BlockFit([fit_groups(y, covariances, groups, design)], np.ones((1, n)), 0.0)

    def fitted(correlation: float) -> LinearFit:
        correlated = np.stack([block_covariance(own, block, correlation) for own in covariances])
        return fit_groups(y, correlated, groups, design)

    some = np.flatnonzero(known)[evenly_chosen(spread[known])]
    shared = block_correlation(y[:, some], covariances[int(np.median(groups))], design)
    if known.sum() < FEW_GENES or shared == 0:
        return BlockFit([fitted(shared)], np.ones((1, n)), shared)
    fits = [fitted(float(value)) for value in GRID]
    tiny = np.finfo(float).tiny
    log = np.stack([-0.5 * (fit.log_determinant + fit.df * np.log(np.maximum(fit.variance, tiny))) for fit in fits])
    likelihood = np.exp(log - log.max(axis=0))
    mass = mixing_weights(likelihood[:, known].T, ITERATIONS)
    likely = mass >= LEAST
    probability = likelihood[likely] * mass[likely, None]
    probability /= np.maximum(probability.sum(axis=0), tiny)
    mean = float(mass @ GRID)
    return BlockFit([fit for fit, use in zip(fits, likely, strict=True) if use], probability, mean)
