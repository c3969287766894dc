"""Weights of the genes in the false discovery rate: how well a change of each would be seen."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .linear_model import SampleDesign
from .moderated import ModeratedTest

FOLD = 2.0
"""Change of the counts that is expected of a gene that changes."""
LIKELIHOOD_RATIO = 20.0
"""How much likelier a change must be than none for a call. With 7, 20, 55 and 150, three of Kang's donors against three find 5.3, 6.1, 6.5 and
6.8 % of the changes in monocytes (3 % with equal weights), and 44, 44, 43 and 42 % of those in all cells (44 %)."""
LEAST = 0.1
"""Least weight. A gene that is expected to be hard to see, but changes a lot, has a q at most ten times as large as without weights."""


def expected_z(test: ModeratedTest, design: SampleDesign, level: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Expected z of every gene if its counts halved on one side of the contrast; NaN for several contrasts, which have no sides.

    The contrast of the means is :math:`\sum_s c_s \bar y_s`, and so :math:`\sum_s |c_s| / 2` times the difference of two weighted means. With
    the level :math:`\log(1 + x)`, a change of the counts by the factor 2 is a difference of :math:`\log(1 + x) - \log(1 + x / 2)`; of values below
    zero, which are not logs of one plus counts, :math:`\log 2`. The standard error is that of the trend of the variances. Neither
    the effect of a gene nor its own variance takes part, so the p of a gene without a change does not depend on what is expected of it.

    Parameters
    ----------
    test
        Of all genes.
    design
        Of the samples.
    level
        Mean expression.
    """
    coefficients = np.linalg.pinv(design.matrix).T @ design.contrast
    if coefficients.ndim == 2 and coefficients.shape[1] > 1:
        return np.full(len(level), np.nan)
    count = np.expm1(np.maximum(level, 0))
    change = np.log((1 + count) / (1 + count / FOLD)) if level.min() >= 0 else np.log(FOLD)
    return change * np.abs(coefficients).sum() / 2 / np.ravel(test.typical)


def gene_weights(
    expected: NDArray[np.float64], node_weights: NDArray[np.float64], reference: NDArray[np.bool_]
) -> NDArray[np.float64]:
    r"""Weights of the genes for Benjamini and Hochberg's procedure, one on average (Genovese, Roeder & Wasserman 2006).

    Where the change of a gene has an expected z of :math:`\tau`, its z is :math:`N(0, 1)` without a change and :math:`N(0, 1 + \tau^2)` with one.
    Most changes are found if all genes are called from the same likelihood ratio on, c, which a gene reaches at

    .. math:: z^2 = 2 (1 + \tau^{-2}) \left(\log c + \tfrac12 \log(1 + \tau^2)\right).

    The weight is proportional to the p of this z: hardly any for :math:`\tau < 1`, and nearly the same for all :math:`\tau > 2`. It is averaged over the
    nodes with their weights, and mixed with equal weights so that none is below ``LEAST``.

    Parameters
    ----------
    expected
        Expected z, nodes x genes; NaN where not tested.
    node_weights
        Weights of the nodes, nodes x genes.
    reference
        Genes that have a weight of one on average.

    Returns
    -------
    Per gene, NaN if tested nowhere; 1 for all if nothing is expected of any.
    """
    known = np.isfinite(expected)
    if not known[:, reference].any():
        return np.ones(expected.shape[1])
    power = np.maximum(np.where(known, expected, 0), 1e-3) ** 2
    z = np.sqrt(2 * (1 + 1 / power) * (np.log(LIKELIHOOD_RATIO) + np.log1p(power) / 2))
    found = (node_weights * np.where(known, ndtr(-z), 0)).sum(axis=0)
    tested = known.any(axis=0)
    mean = max(float(found[tested & reference].mean()), np.finfo(float).tiny)
    return np.where(tested, LEAST + (1 - LEAST) * found / mean, np.nan)
