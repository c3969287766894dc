"""Share of the variance of the samples' fields that samples of one block have in common."""

import numpy as np
from scipy.special import logsumexp

from .evidence import Grid, log_evidence
from .grid_prior import grid_prior
from .sample_sums import SampleSums
from .varying_coefficients import VaryingCoefficients

SHARES = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 0.95])
AXES = 10
"""Leading axes of the cell states in which the share is estimated."""
MAX_GENES = 400


def block_share(sums: SampleSums, design: np.ndarray, block: np.ndarray, grid: Grid) -> float:
    """
    The share of largest evidence, the same for all genes.

    At each share of a grid, the marginal likelihood of the genes in the leading axes of the cell states is averaged over the variance
    ratios, with a prior learnt at that share. The result is the vertex of a parabola through the best share and its neighbours on the
    grid, or 0 where the samples do not determine it.

    Parameters
    ----------
    sums
        Sums of the genes that it is learnt from.
    design
        X: samples × columns, the first column 1.
    block
        Number of the block of each sample.
    grid
        Ratios of the variances.
    """
    n = sums.cross.shape[1]
    some = sums.genes(np.unique(np.linspace(0, n - 1, min(n, MAX_GENES)).astype(int)))
    axes = VaryingCoefficients(some.gram, design).axes[:, : 1 + AXES]
    few = SampleSums(axes.T @ some.gram @ axes, some.cross @ axes, some.square, some.rounding)
    found = np.array([_evidence(few, design, block, float(share), grid) for share in SHARES])
    best = int(np.argmax(found))
    if np.ptp(found) < 1e-6 or best == 0:
        return 0.0
    if best == len(SHARES) - 1:
        return float(SHARES[best])
    x, y = SHARES[best - 1 : best + 2], found[best - 1 : best + 2]
    curve = np.polyfit(x, y, 2)
    return float(np.clip(-curve[1] / (2 * curve[0]), x[0], x[2])) if curve[0] < 0 else float(SHARES[best])


def _evidence(sums: SampleSums, design: np.ndarray, block: np.ndarray, share: float, grid: Grid) -> float:
    """Log evidence of all genes together."""
    model = VaryingCoefficients(sums.gram, design, block=block, share=share)
    log = log_evidence(model, sums, grid, relative=False)
    return float(logsumexp(log + np.log(grid_prior(log)), axis=1).sum())
