"""Log fold changes of densities: normalisation, z, posterior tail probability, direction."""

import numpy as np
from scipy.special import log_ndtr, logsumexp, ndtr

MAX_STEPS = 500
TOLERANCE = 1e-10


def mass_offsets(log_densities: np.ndarray, n_cells: np.ndarray) -> np.ndarray:
    r"""
    Offsets that give every log density unit mass.

    The mass of a density p is estimated on the pooled cells, which are a draw from the mixture of all densities:
    :math:`\int p = \mathrm{mean}_i\, p(x_i) / \sum_k \frac{n_k}{n} p_k(x_i)`. Subtracting the log masses changes the
    mixture, so this is repeated to a fixed point.

    Parameters
    ----------
    log_densities
        Natural log densities at the pooled cells: densities × cells.
    n_cells
        Number of cells behind each density; proportional to its share of the pooled cells.

    Returns
    -------
    What to add to each log density.
    """
    log_shares = np.log(n_cells / np.sum(n_cells))[:, None]
    offsets = np.zeros(len(log_densities))
    log_n = np.log(log_densities.shape[1])
    for _ in range(MAX_STEPS):
        shifted = log_densities + offsets[:, None]
        mixture = logsumexp(shifted + log_shares, axis=0)
        log_mass = logsumexp(shifted - mixture, axis=1) - log_n
        offsets -= log_mass
        if np.abs(log_mass).max() <= TOLERANCE:
            break
    return offsets


def neg_log10_tail(z: np.ndarray) -> np.ndarray:
    r"""
    Posterior tail probability of the other sign, :math:`-\log_{10} \mathcal{N}(-|z|)`, one-sided, in log space.

    Parameters
    ----------
    z
        Posterior mean over posterior standard deviation.
    """
    return -log_ndtr(-np.abs(z)) / np.log(10)


def false_sign_rate(z: np.ndarray, null_probability: float) -> np.ndarray:
    r"""
    Local false sign rate (Stephens 2017): probability that the change is 0 or has the other sign, :math:`p_0 + (1 - p_0)\mathcal{N}(-|z|)`.

    Parameters
    ----------
    z
        Posterior mean over posterior standard deviation, if there is a change.
    null_probability
        Probability :math:`p_0` that nothing changes.
    """
    return null_probability + (1 - null_probability) * ndtr(-np.abs(z))


def direction(
    lfc: np.ndarray, significant: np.ndarray, *, lfc_threshold: float, effect: np.ndarray | None = None
) -> np.ndarray:
    """
    Position in :data:`kompot_scverse._keys.DIRECTIONS` of each cell; "neutral" unless it is significant and changes enough.

    Parameters
    ----------
    lfc
        Natural log fold change of the density.
    significant
        Whether each cell passes the threshold on its tail probability or q-value.
    lfc_threshold
        Smallest absolute log fold change; 0 asks nothing of it.
    effect
        Effect of the test that `significant` rests on, whose sign is the direction: the fold change then has to be as
        large on that side. None takes the fold change itself.
    """
    side = np.sign(lfc if effect is None else effect)
    passed = significant & np.isfinite(side) & np.isfinite(lfc)
    if lfc_threshold > 0:
        passed &= side * lfc >= lfc_threshold
    return np.where(passed, np.nan_to_num(side), 0).astype(np.int8) + 1
