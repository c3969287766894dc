"""Variance between samples, beyond the sampling variance of their cells."""

import numpy as np
from numpy.typing import NDArray

from kompot_scverse._gp.mixing import mixing_weights

from .linear_model import SampleDesign

GRID = np.concatenate([[0.0], np.geomspace(0.25, 64, 9)])
"""Variances between samples in units of the median sampling variance."""
QUANTILE, MARGIN, LARGEST = 0.95, 4.0, 2.5
"""Of few genes, the variance is this quantile over them times this margin, and at most the last number, with which the weights of
the samples are almost equal: none is more than 1.4 times the typical one."""
GENES_PER_BIN, EXCESS = 50, 1.5
"""Genes of one level of expression that a variance is learnt from, and a factor on their mean: too small a variance does more
harm. With changes in a tenth of Kang's genes, 5 % of the calls were false with 1, 4 % with 1.5, at a tenth less power."""
STEPS = np.geomspace(0.1, 12.8, 22)
"""Variances that the weights are made for; the next larger one is taken."""
MAX_GENES = 400
ITERATIONS = 60


def between_samples(
    means: NDArray[np.float64],
    covariance: NDArray[np.float64],
    cell_variance: NDArray[np.float64],
    level: NDArray[np.float64],
    design: SampleDesign,
    reference: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    r"""Variance :math:`\omega` between samples for :math:`V + \omega \operatorname{med}(V_{ss}) I`, per gene.

    A handful of samples does not suffice to estimate it for each gene, and a gene that chose the variance that fits it best would
    choose the smallest p: 6 % of unchanged genes of Kang's controls, 4 against 4, had p < 0.05, and 2.7 of 1000 p < 0.001. But it grows with the
    level of expression: the means of strongly expressed genes are known so well that donors differ by more. So its
    distribution over the genes of one level is estimated by maximum likelihood on a grid (expectation-maximisation with the restricted
    likelihood of every gene for :math:`v_g (V + \omega \operatorname{med}(V_{ss}) I)`), in bins that halve towards the top: half of the
    genes, a quarter, an eighth. :math:`\omega` is ``EXCESS`` times its mean, between the bins on a line and never falling with the level, up to the next of
    ``STEPS``. Where samples do not differ, the weights follow the cell numbers.

    With one :math:`\omega` for all, large enough for those that vary most, large samples of weakly expressed genes counted for too little, and z
    was by 4 % too small; strongly expressed ones had too many small p nevertheless.

    Fewer than two bins of genes have one :math:`\omega`: as an estimate that is too small does more harm, four times the 95 % quantile of its
    distribution, at most ``LARGEST``.

    Parameters
    ----------
    means
        Sample means, samples x genes.
    covariance
        Their sampling covariance V in units of the variance between cells, samples x samples.
    cell_variance
        Variance between cells :math:`v_g`, per gene.
    level
        Mean expression, per gene.
    design
        Design of the samples.
    reference
        Genes that are learnt from; None for all.
    """
    known = np.arange(len(level)) if reference is None else np.flatnonzero(reference)
    unit = float(np.median(np.diag(covariance)))
    likelihood = _likelihood(means[:, known] / np.sqrt(cell_variance[known]), covariance, GRID * unit, design).T
    if len(known) < 2 * GENES_PER_BIN:
        quantile = np.interp(QUANTILE, np.cumsum(mixing_weights(likelihood, ITERATIONS)), GRID)
        return np.full(len(level), min(MARGIN * float(quantile), LARGEST))
    order = np.argsort(level[known], kind="stable")
    edges = _halving(len(known))
    bins = [order[start:stop] for start, stop in zip(edges[:-1], edges[1:], strict=True)]
    found = EXCESS * np.maximum.accumulate([mixing_weights(likelihood[own], ITERATIONS) @ GRID for own in bins])
    omega = np.interp(level, [np.median(level[known[own]]) for own in bins], found)
    return STEPS[np.searchsorted(STEPS, np.minimum(omega, STEPS[-1]))]


def _likelihood(
    y: NDArray[np.float64], covariance: NDArray[np.float64], between: NDArray[np.float64], design: SampleDesign
) -> NDArray[np.float64]:
    """Restricted likelihood of every gene under V + ω I, for all ω at once, relative to its best: points x genes.

    Along the principal axes of V among the residuals, the variances for all ω are diagonal.
    """
    u, singular, _ = np.linalg.svd(design.matrix)
    residual = u[:, int((singular > singular[0] * 1e-10).sum()) :]
    sampling, axes = np.linalg.eigh(residual.T @ covariance @ residual)
    variances = sampling + between[:, None]
    log = (-0.5 / variances) @ np.square((residual @ axes).T @ y)
    log -= 0.5 * np.log(variances).sum(axis=1)[:, None]
    log -= log.max(axis=0)
    return np.exp(log, out=log)


def _halving(n: int) -> list[int]:
    """Ends of the bins of n genes in ascending order: halves of what is left, as long as they are large enough."""
    edges = [0]
    while n - edges[-1] >= 2 * GENES_PER_BIN:
        edges.append(edges[-1] + (n - edges[-1]) // 2)
    return [*edges, n]


def evenly_chosen(cell_variance: NDArray[np.float64]) -> NDArray[np.intp]:
    """Numbers of at most ``MAX_GENES`` genes, spread evenly over the variances between cells."""
    order = np.argsort(cell_variance, kind="stable")
    return order[np.unique(np.linspace(0, len(order) - 1, min(len(order), MAX_GENES)).astype(int))]
