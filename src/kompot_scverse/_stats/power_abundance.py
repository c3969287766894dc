"""Expected power of the replicate test of abundance: studies are drawn from the cells, and tested as real ones are."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from .abundance_testing import abundance_test, tested_logits
from .linear_model import SampleDesign
from .power import draw_samples, two_groups

FIELDS = 60
"""Fields that are drawn to learn how far they move shares."""
LARGEST = 16.0
"""Factor on the variance of the fields at most."""


@dataclass(frozen=True)
class CellPool:
    """The cells of an observed study, which those of another one are drawn from."""

    weights: NDArray[np.float64]
    """In the neighbourhoods: cells x m."""
    features: NDArray[np.float64]
    """Of the samples' fields, times the prior standard deviation of their weights: cells x rank."""
    sizes: NDArray[np.float64]
    """Cells of the samples."""
    groups: NDArray[np.bool_]
    """Which samples are of the group."""
    paired: bool = False
    """Whether each donor has a sample in both groups; fields are then what differs within donors."""


def draw_abundance(
    pool: CellPool,
    n: int,
    change: NDArray[np.float64],
    *,
    threshold: float,
    cells: float,
    rng: np.random.Generator,
) -> float:
    r"""Draw a study of n against n samples and test it: the share of the changed cells that are called with the right direction.

    A cell of sample s is drawn with a probability in proportion to :math:`\exp(u_s(x) \pm \delta(x))` with a field of its own and, in the
    samples of the group, the change, which has either sign.

    Parameters
    ----------
    pool
        Cells.
    n
        Samples in each group.
    change
        Change of the log odds of every cell.
    threshold
        Largest q of a call.
    cells
        Factor on the cells of each sample.
    rng
        Draws everything.
    """
    sizes = np.maximum(1, np.round(cells * pool.sizes[draw_samples(pool.groups, n, rng)])).astype(int)
    sign = rng.choice([-1.0, 1.0])
    m = pool.weights.shape[1]
    mass, gram = np.empty((2 * n, m)), np.empty((2 * n, m, m))
    for number, size in enumerate(sizes):
        log = pool.features @ rng.normal(size=pool.features.shape[1]) + (number >= n) * sign * change
        drawn = rng.choice(len(log), size, p=softmax(log))
        own = pool.weights[drawn]
        mass[number], gram[number] = own.sum(axis=0), own.T @ own
    _, qvalue, effect = abundance_test(mass, gram, two_groups(n, paired=pool.paired)).to_cells(pool.weights)
    called = (np.nan_to_num(qvalue, nan=1.0) <= threshold) & (np.sign(effect) == sign)
    return float(called[change > 0].mean())


def excess_variance(mass: NDArray[np.float64], gram: NDArray[np.float64], design: SampleDesign) -> float:
    """Variance of the logits of the samples' shares that neither the design nor counting explains, on average over neighbourhoods.

    Neighbourhoods count by their cells. Variances are those of least squares; counting has the variance of :func:`abundance_test`.

    Parameters
    ----------
    mass, gram, design
        As in :func:`abundance_test`.
    """
    _, share, logit, unit = tested_logits(mass, gram)
    left = np.eye(len(mass)) - design.matrix @ np.linalg.pinv(design.matrix)
    total = np.square(left @ logit).sum(axis=0) / design.residual_df
    counting = np.square(unit) * float(np.diag(left) @ (1 / mass.sum(axis=1))) / design.residual_df
    return max(float(share / share.sum() @ (total - counting)), 0.0)


def scaled_to(pool: CellPool, variance: float, rng: np.random.Generator) -> CellPool:
    """The pool with fields of such a size that logits of shares have a given variance, as from :func:`excess_variance`."""
    share = pool.weights.mean(axis=0)
    shares = np.empty((FIELDS, len(share)))
    for own in shares:
        own[:] = softmax(pool.features @ rng.normal(size=pool.features.shape[1])) @ pool.weights
    drawn = float(np.log(shares / (1 - shares)).var(axis=0, ddof=1) @ (share / share.sum()))
    factor = min(variance / drawn, LARGEST) if drawn > 0 else 0.0
    return replace(pool, features=pool.features * np.sqrt(factor))
