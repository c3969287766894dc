"""Expected power of the replicate test of abundance: studies are drawn from the cells, and tested as real ones are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from .abundance_testing import abundance_test
from .power import draw_samples, two_groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CellPool", "draw_abundance"]


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
    _, qvalue, effect = abundance_test(mass, gram, two_groups(n)).to_cells(pool.weights)
    called = (np.nan_to_num(qvalue, nan=1.0) <= threshold) & (np.sign(effect) == sign)
    return float(called[change > 0].mean())
