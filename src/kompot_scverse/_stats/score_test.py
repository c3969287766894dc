"""Test of a difference between the cells of two conditions anywhere, gene by gene, without null genes."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, eigh, solve_triangular

from kompot_scverse._gp.evidence import FLOOR, run_in_blocks
from kompot_scverse._gp.varying_coefficients import SampleSums

from .combine import cauchy_combination
from .weighted_chi2 import weighted_chi2_sf

__all__ = ["score_test"]

STATES = 10.0 ** np.arange(-4, 3.1, 0.5)
"""Ratios of the variance of the state to that of the noise that are tried under the null."""
EFFECTS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ratios of the variance of the effect for which the statistic is computed."""


@dataclass(frozen=True)
class _Null:
    """The null model at one ratio of the state."""

    state: np.ndarray
    """Inverse of the Cholesky factor of the equations of intercept and state."""
    cross: np.ndarray
    """What the effect features have in common with them: coefficients × features."""
    eigenvalues: np.ndarray
    vectors: np.ndarray
    """Of the information about the effect, M."""
    log_det: float


def score_test(sums: SampleSums, is_group: np.ndarray) -> np.ndarray:
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
        Sums of the cells; every row belongs to one of the two conditions.
    is_group
        Whether a row belongs to the group: rows.

    Returns
    -------
    p-values; NaN for genes that do not vary.
    """
    n = sums.gram[:, 0, 0]
    centred = is_group.astype(float) - n[is_group].sum() / n.sum()
    gram, between, effect = (np.tensordot(centred**power, sums.gram, 1) for power in (0, 1, 2))
    nulls = [_null_model(gram, between, effect, state) for state in STATES]
    n_genes, degrees = sums.cross.shape[1], n.sum() - 1
    pvalue = np.full(n_genes, np.nan)

    def fill(genes: slice) -> None:
        own = sums.genes(genes)
        first, second = own.cross.sum(axis=0), np.tensordot(centred, own.cross, 1)
        square = own.square.sum(axis=0)
        total = square - first[:, 0] ** 2 / n.sum()
        varies = total > sums.rounding * square
        residual = np.stack([square - np.square(first @ null.state.T).sum(axis=1) for null in nulls], axis=1)
        residual = np.maximum(residual, FLOOR * np.where(varies, total, 1.0)[:, None])
        likelihood = -0.5 * (degrees * np.log(residual) + np.array([null.log_det for null in nulls]))
        best = likelihood.argmax(axis=1)
        out = pvalue[genes]
        for number in np.unique(best[varies]):
            rows, null = np.flatnonzero(varies & (best == number)), nulls[number]
            z = second[rows] - first[rows] @ null.state.T @ null.cross
            squared = np.square(z @ null.vectors) * (degrees / residual[rows, number])[:, None]
            of_ratios = []
            for ratio in EFFECTS:
                weight = 1 / (null.eigenvalues + 1 / ratio)
                of_ratios.append(weighted_chi2_sf(squared @ weight, null.eigenvalues * weight))
            out[rows] = cauchy_combination(np.stack(of_ratios))

    run_in_blocks(fill, n_genes)
    return pvalue


def _null_model(gram: np.ndarray, between: np.ndarray, effect: np.ndarray, state: float) -> _Null:
    equations = gram.copy()
    states = np.arange(1, len(gram))
    equations[states, states] += 1 / state
    root = cholesky(equations, lower=True, check_finite=False)
    inverse = solve_triangular(root, np.eye(len(gram)), lower=True, check_finite=False)
    cross = inverse @ between
    values, vectors = eigh(effect - cross.T @ cross, check_finite=False)
    log_det = 2 * float(np.log(root.diagonal()).sum()) + len(states) * float(np.log(state))
    return _Null(inverse, cross, np.maximum(values, 0.0), vectors, log_det)
