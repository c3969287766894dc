"""Genes that have one value in all cells of a condition."""

import numpy as np

TOLERANCE = 1e-5
"""Relative deviation from a constant that is rounding: expression is summed in single precision."""


def constant_levels(cross: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """
    The value of each gene that has one value in all cells; NaN for other genes.

    The moments of a constant c are Σ yΦ = c ΣΦ. A gene whose moments are this close to it is treated as constant, since the smoothed
    expression is made of nothing else.

    Parameters
    ----------
    cross
        Σ yΦ over the cells: genes × rank.
    sums
        ΣΦ over the cells: rank.
    """
    square = float(sums @ sums)
    levels = cross @ sums / square if square > 0 else np.zeros(len(cross))
    norms = np.einsum("gr,gr->g", cross, cross)
    # the difference of squares cancels, but leaves few genes to look at
    likely = np.flatnonzero(norms - levels**2 * square <= 1e-6 * norms)
    deviation = np.linalg.norm(cross[likely] - levels[likely, None] * sums, axis=1)
    found = np.full(len(cross), np.nan)
    constant = likely[deviation <= TOLERANCE * np.sqrt(norms[likely])]
    found[constant] = levels[constant]
    return found
