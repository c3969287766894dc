"""Prior variances of Gaussian fields, chosen by evidence on a grid that contains zero."""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cholesky, solve_triangular
from scipy.special import softmax

GRID = 10.0 ** np.arange(-3, 4.1, 0.5)
"""Prior variances of a field that changes at all."""
N_FIELDS = 2
"""Blocks of a smooth and a rough field; further ones are regions."""
SWEEPS = 5
START = int(np.flatnonzero(np.isclose(GRID, 1))[0])


def solve_prior(
    hessian: np.ndarray, linear: np.ndarray, variances: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, float]:
    r"""
    Mode and evidence of weights with the log likelihood :math:`b^\top w - \tfrac12 w^\top H w` and independent normal priors.

    Parameters
    ----------
    hessian
        H: rank × rank.
    linear
        b: rank.
    variances
        Prior variance of each weight; a weight with 0 is 0.

    Returns
    -------
    The mode, the covariance, the log evidence relative to that of all variances 0, and its determinant part
    :math:`-\tfrac12 \log|I + D^{1/2} H D^{1/2}|`.
    """
    on, root, factor = scaled_factor(hessian, variances)
    half_linear = root * linear[on]
    solved = cho_solve(factor, half_linear)
    determinant = -float(np.log(np.diag(factor[0])).sum())
    weights, covariance = np.zeros(len(linear)), np.zeros_like(hessian)
    weights[on] = root * solved
    covariance[np.ix_(on, on)] = cho_solve(factor, np.diag(root)) * root[:, None]
    return weights, covariance, determinant + float(half_linear @ solved) / 2, determinant


def prior_mode(hessian: np.ndarray, linear: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """The mode of :func:`solve_prior` alone."""
    on, root, factor = scaled_factor(hessian, variances)
    weights = np.zeros(len(linear))
    weights[on] = root * cho_solve(factor, root * linear[on])
    return weights


def choose_amplitudes(
    hessian: np.ndarray, linear: np.ndarray, blocks: np.ndarray, start: np.ndarray | None = None
) -> np.ndarray:
    """
    Prior variance of every block of weights that maximises the evidence of :func:`solve_prior`, on :data:`GRID` and 0.

    The blocks are moved one after the other until none moves any more. With `start`, a block only moves to its neighbours on the
    grid, or to 0.

    Parameters
    ----------
    hessian
        H.
    linear
        b: rank, or rank × columns with weights of their own.
    blocks
        Number of the block of each weight.
    start
        Position on the grid of each block, -1 for 0; None searches the whole grid.

    Returns
    -------
    Position on the grid of each block, -1 for 0.
    """
    values = np.append(GRID, 0.0)  # position -1 is 0
    position = np.full(blocks.max() + 1, START) if start is None else start.copy()
    kept: dict[tuple[int, ...], float] = {}

    marginal = Marginal(hessian, linear, blocks == 0)

    def evidence(candidate: np.ndarray) -> float:
        key = tuple(candidate)
        if key not in kept:
            kept[key] = marginal.log_evidence(values[candidate[0]], values[candidate][blocks[~marginal.first]])
        return kept[key]

    for sweep in range(SWEEPS):
        before = position.copy()
        for block in range(len(position)):
            if start is None and sweep == 0:
                tried = np.arange(-1, len(GRID))
            else:
                near = position[block] + np.arange(-1, 2) if position[block] >= 0 else np.arange(-1, 3)
                tried = np.unique(np.append(near[(near >= 0) & (near < len(GRID))], -1))
            found = []
            for number in tried:
                candidate = position.copy()
                candidate[block] = number
                found.append(evidence(candidate))
            position[block] = tried[int(np.argmax(found))]
        if (position == before).all():
            break
    return position


def chosen_variances(hessian: np.ndarray, linear: np.ndarray, blocks: np.ndarray, position: np.ndarray) -> np.ndarray:
    """
    Prior variance of every block, from positions on the grid.

    Beside regions (:mod:`.region_choice`, blocks from :data:`N_FIELDS` on) the variances of the fields are means over the grid
    with the evidence as weights: few cells cannot tell whether a region is all that changes, and a variance
    of 0 would say so with certainty.

    Parameters
    ----------
    hessian, linear, blocks
        As in :func:`choose_amplitudes`.
    position
        What it returns.
    """
    values = np.append(GRID, 0.0)  # position -1 is 0
    found = values[position]
    if not found[N_FIELDS:].any():
        return found
    marginal = Marginal(hessian, linear, blocks == 0)
    for block in range(N_FIELDS):
        candidates = np.tile(found, (len(values), 1))
        candidates[:, block] = values
        evidence = [marginal.log_evidence(own[0], own[blocks[~marginal.first]]) for own in candidates]
        found[block] = softmax(evidence) @ values
    return found


class Marginal:
    """
    The likelihood of :func:`solve_prior` without its first weights, which are integrated out once for each of their prior variances.

    Parameters
    ----------
    hessian, linear
        As in :func:`log_evidence`.
    first
        Whether a weight is of those that are integrated out; they have one variance.
    """

    def __init__(self, hessian: np.ndarray, linear: np.ndarray, first: np.ndarray) -> None:
        self.first = first
        self._hessian = [[hessian[np.ix_(rows, columns)] for columns in (first, ~first)] for rows in (first, ~first)]
        self._linear = [linear.reshape(len(first), -1)[rows] for rows in (first, ~first)]
        self._kept: dict[float, tuple[np.ndarray, np.ndarray, float]] = {}

    def at(self, variance: float) -> tuple[np.ndarray, np.ndarray, float]:
        """H and b (weights × columns) of the others, and the log evidence where these are 0."""
        if variance not in self._kept:
            self._kept[variance] = self._integrated(variance)
        return self._kept[variance]

    def log_evidence(self, variance: float, others: np.ndarray) -> float:
        """As :func:`log_evidence`, with the prior variance of the first weights and those of the others."""
        hessian, linear, alone = self.at(variance)
        return alone + log_evidence(hessian, linear, others)

    def _integrated(self, variance: float) -> tuple[np.ndarray, np.ndarray, float]:
        (own, crossed), (_, hessian) = self._hessian
        of_own, linear = self._linear
        if variance == 0 or not len(own):
            return hessian, linear, 0.0
        root = float(np.sqrt(variance))
        scaled = own * variance
        scaled[np.diag_indices_from(scaled)] += 1
        try:
            factor = cholesky(scaled, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:  # the largest variances with features that hardly differ
            return hessian, linear, -np.inf
        left = solve_triangular(factor, np.hstack([of_own, crossed]) * root, lower=True, check_finite=False)
        known, left = left[:, : of_own.shape[1]], left[:, of_own.shape[1] :]
        alone = float(np.square(known).sum()) / 2 - of_own.shape[1] * float(np.log(np.diag(factor)).sum())
        return hessian - left.T @ left, linear - left.T @ known, alone


def log_evidence(hessian: np.ndarray, linear: np.ndarray, variances: np.ndarray) -> float:
    """
    Log evidence of prior variances, relative to that of all 0.

    Parameters
    ----------
    hessian
        H: rank × rank.
    linear
        b: rank, or rank × columns with weights of their own.
    variances
        Prior variance of each weight.
    """
    if not variances.any():
        return 0.0
    try:
        on, root, factor = scaled_factor(hessian, variances)
    except LinAlgError:  # the largest variances with features that hardly differ
        return -np.inf
    columns = root[:, None] * linear.reshape(len(on), -1)[on]
    explained = float(np.sum(columns * cho_solve(factor, columns))) / 2
    return explained - columns.shape[1] * float(np.log(np.diag(factor[0])).sum())


def scaled_factor(hessian: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple]:
    """Which weights have a prior variance, its root D½, and the Cholesky factor of I + D½HD½."""
    on = variances > 0
    root = np.sqrt(variances[on])
    scaled = hessian[np.ix_(on, on)] * np.outer(root, root)
    scaled[np.diag_indices_from(scaled)] += 1
    return on, root, cho_factor(scaled, lower=True, overwrite_a=True, check_finite=False)
