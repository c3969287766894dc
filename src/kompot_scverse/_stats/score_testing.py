"""Test of a difference between the cells of two conditions anywhere, gene by gene, without null genes."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from kompot_scverse._gp.evidence import FLOOR, run_in_blocks
from kompot_scverse._gp.posterior import spectrum
from kompot_scverse._gp.sample_sums import SampleSums
from kompot_scverse._gp.varying_coefficients import FIELD_TOLERANCE

from .combine import cauchy_combination
from .weighted_chi2 import matched_chi2, matched_sf

STATES = 10.0 ** np.arange(-4, 3.1, 0.5)
"""Ratios of the variance of the state to that of the noise that are tried under the null."""
EFFECTS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ratios of the variance of the effect for which the statistic is computed."""


@dataclass(frozen=True)
class _Null:
    """The null model at one ratio of the state."""

    weights: np.ndarray
    """Inverse of its equations, which are diagonal: coefficients, the intercept first."""
    log_det: float
    kept: int
    """Coefficients that the data tell something about."""
    cross: np.ndarray
    """What the effect features have in common with these, times the weights: coefficients × effect features."""
    vectors: np.ndarray
    """Eigenvectors of the information about the effect, M."""
    shrunk: np.ndarray
    """Inverse of M + I/ρ on them: eigenvectors × ratios of the effect."""
    matched: np.ndarray
    """Distribution of the statistics, see :func:`.matched_chi2`: 4 × ratios of the effect."""


def score_test(sums: SampleSums, effect: np.ndarray) -> np.ndarray:
    r"""
    p-value of every gene for an effect field of the condition; about cells, not individuals.

    Under the null, :math:`y = \mu + \beta_0(x) + \varepsilon` with the variance of the state over that of the noise at the
    maximum of the gene's restricted likelihood. The score of the effect, :math:`z = B^\top \Sigma^{-1} (y - \mu)` with the
    features of the effect B (those of the states and a constant, times the centred condition), then has covariance
    :math:`\sigma^2 M`, and :math:`Q(\rho) = z^\top (M + I/\rho)^{-1} z / \sigma^2` is a weighted sum of χ² variables (Lin 1997,
    Biometrika 84, 309; Liu, Lin & Ghosh 2007, Biometrics 63, 1079). The p-values at five ρ are combined (Liu & Xie 2020).

    Parameters
    ----------
    sums
        Sums of the cells; of two conditions, every row belongs to one of them.
    effect
        Whether a row belongs to the group, or how much of the effect it has: rows.

    Returns
    -------
    p-values; NaN for genes that do not vary.
    """
    n = sums.gram[:, 0, 0]
    centred = effect - n @ effect / n.sum()
    of_state, of_effect, spread = _axes(sums.gram.sum(axis=0))
    between, within = (np.tensordot(centred**power, sums.gram, 1) for power in (1, 2))
    between, within = of_state.T @ between @ of_effect, of_effect.T @ within @ of_effect
    nulls = [_null_model(n.sum(), spread, between, within, state) for state in STATES]
    n_genes, degrees = sums.cross.shape[1], n.sum() - 1
    pvalue = np.full(n_genes, np.nan)
    means = sums.means()
    constants = np.stack([sums.gram[:, 0].sum(axis=0), centred @ sums.gram[:, 0]])

    def fill(genes: slice) -> None:
        own = sums.genes(genes)
        # about the mean of the gene: the state's features are, too, so that the intercept is 0
        columns = np.tensordot(np.stack([np.ones(len(centred)), centred]), own.cross, 1)
        columns -= constants[:, None] * means[genes, None]
        first, second = columns[0] @ of_state, columns[1] @ of_effect
        square = own.square.sum(axis=0)
        total = square - n.sum() * means[genes] ** 2
        varies = total > sums.rounding * square
        taken = np.square(first) @ np.stack([null.weights for null in nulls], axis=1)
        residual = np.maximum(total[:, None] - taken, FLOOR * np.where(varies, total, 1.0)[:, None])
        likelihood = -0.5 * (degrees * np.log(residual) + np.array([null.log_det for null in nulls]))
        best = likelihood.argmax(axis=1)
        statistic, matched = np.zeros((len(best), len(EFFECTS))), np.ones((4, len(best), len(EFFECTS)))
        for number in np.unique(best[varies]):
            rows, null = np.flatnonzero(varies & (best == number)), nulls[number]
            z = second[rows] - first[rows, : null.kept] @ null.cross
            squared = np.square(z @ null.vectors) * (degrees / residual[rows, number])[:, None]
            statistic[rows], matched[:, rows] = squared @ null.shrunk, null.matched[:, None]
        of_ratios = matched_sf(statistic[varies], matched[:, varies])
        pvalue[genes][varies] = cauchy_combination(of_ratios, axis=1)

    run_in_blocks(fill, n_genes, "test of the cells")
    return pvalue


def _axes(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Principal axes of the features, a constant before them: those of states, those of effects, and the former's spread.

    The features of states are centred, which changes nothing beside a flat intercept. Those of effects are not, since the constant of an effect has
    a prior. Axes whose variance the data hardly change at the largest ratio are left out.
    """
    n, size = gram[0, 0], len(gram)
    mean = gram[0, 1:] / n
    values, vectors = spectrum(gram[1:, 1:] - n * np.outer(mean, mean))
    of_state = np.zeros((size, size))
    of_state[0, 0] = 1
    of_state[0, 1:], of_state[1:, 1:] = -mean @ vectors[:, ::-1], vectors[:, ::-1]
    of_all, axes = spectrum(gram[1:, 1:])
    kept = axes[:, of_all * max(EFFECTS) >= FIELD_TOLERANCE]
    of_effect = np.zeros((size, 1 + kept.shape[1]))
    of_effect[0, 0] = 1
    of_effect[1:, 1:] = kept
    return of_state, of_effect, values[::-1]


def _null_model(n: float, spread: np.ndarray, between: np.ndarray, effect: np.ndarray, state: float) -> _Null:
    weights = np.concatenate([[1 / n], 1 / (spread + 1 / state)])
    kept = 1 + int((state * spread >= FIELD_TOLERANCE).sum())
    cross = weights[:kept, None] * between[:kept]
    values, vectors = eigh(effect - between[:kept].T @ cross, check_finite=False)
    values = np.maximum(values, 0.0)[:, None]
    log_det = float(np.log(n) + np.log1p(state * spread).sum())
    shrunk = 1 / (values + 1 / np.array(EFFECTS))
    matched = np.transpose([matched_chi2(column) for column in (values * shrunk).T])
    return _Null(weights, log_det, kept, cross, vectors, shrunk, matched)
