"""The smallest noise that sums of the features can tell from none."""

import numpy as np

from .posterior import spectrum

MARGIN = 100
"""Noise variance over the rounding error of the eigenvalues from which on posteriors are right to about six digits."""


def noise_floor(grams: np.ndarray) -> float:
    """
    Noise standard deviation from which on rounding does not matter, whatever the features.

    The eigenvalues of a Gram matrix are known to sixteen digits of the largest. Where a direction has none, as with fewer
    cells than features, the noise is all that keeps the posterior from dividing rounding errors by each other.

    Parameters
    ----------
    grams
        ΦᵀΦ of the samples: samples × rank × rank.
    """
    traces = np.einsum("srr->s", grams)
    return float(np.sqrt(MARGIN * np.finfo(np.float64).eps * grams.shape[1] * traces.sum()))


def check_noise(grams: np.ndarray, sigma: float) -> None:
    """
    Raise if a given noise is too small for the cells.

    Raises
    ------
    ValueError
        If rounding errors would decide about directions that the cells of a sample do not determine.
    """
    floor = noise_floor(grams)
    if sigma >= floor:
        return
    for gram in grams:
        values, _ = spectrum(gram)
        if values[0] < MARGIN * np.finfo(np.float64).eps * len(values) * values[-1]:
            enough = 10.0 ** np.ceil(np.log10(floor))
            raise ValueError(
                f"`sigma={sigma:g}` is too small for these cells, which leave some of the {len(gram)} features undetermined: "
                f"the result would be rounding errors. Pass at least {enough:g} (in units of the expression), or estimate the "
                'noise with `GPSettings(amplitude="evidence", sigma="evidence")`, the default.'
            )
