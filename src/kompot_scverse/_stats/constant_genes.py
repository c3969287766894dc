"""Genes that have one value in all cells of a condition."""

import numpy as np

from kompot_scverse._gp.posterior import posterior_weights, spectrum

from .component_fit import ComponentFit
from .mahalanobis import distances_from

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


def share_constant(
    fit: ComponentFit, gram: np.ndarray, cross: np.ndarray, sums: np.ndarray, conditions: np.ndarray, sigma: float
) -> None:
    """
    Replace the functions of genes with one value in the first condition and in others, which do not tell these apart, in place.

    Where the means of the functions are 0, separate fits would differ only because the cells are in other places. These
    conditions get one fit to all their cells.

    Parameters
    ----------
    fit
        Of all genes.
    gram, cross, sums
        ΦᵀΦ, Σ yΦ and ΣΦ of the samples.
    conditions
        Condition of each sample.
    sigma
        Noise standard deviation.
    """
    members = [np.flatnonzero(conditions == number) for number in range(fit.n_conditions)]
    levels = np.array([constant_levels(_summed(cross, own), sums[own].sum(axis=0)) for own in members])
    same = np.abs(levels - levels[0]) <= TOLERANCE * np.abs(levels[0])
    # nothing to share where all is zero
    same &= levels[0] != 0
    genes = np.flatnonzero(same[1:].any(axis=0))
    found = fit.components
    for pattern in np.unique(same[:, genes], axis=1).T:
        own = genes[(same[:, genes] == pattern[:, None]).all(axis=0)]
        samples = np.flatnonzero(pattern[conditions])
        weights = posterior_weights(spectrum(gram[samples].sum(axis=0)), cross[samples][:, own].sum(axis=0), sigma)
        for number in np.flatnonzero(pattern):
            found.weights[number][own] = weights
        for group in range(1, fit.n_conditions):
            change = found.weights[fit.n_conditions + group - 1]
            change[own] = fit.weights(group)[own] - fit.weights(0)[own]
            distances = distances_from(fit.fold_change_covariance(group), change[own])
            fit.distance(group)[own] = distances(np.empty((len(own), len(gram[0]), 0)), slice(None))


def _summed(cross: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Sum over some samples; a view of a single one. One by one, since a choice of samples would be a copy."""
    if len(members) == 1:
        return cross[members[0]]
    total = cross[members[0]] + cross[members[1]]
    for member in members[2:]:
        total += cross[member]
    return total
