"""The ratio of two densities over cell states: logistic regression with Gaussian fields, by Newton's method."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from kompot_scverse._messages import logger

from .amplitudes import choose_amplitudes, chosen_variances, prior_mode, solve_prior
from .cell_blocks import CellBlocks
from .device import numerics

ROUNDS = 8
"""Newton steps at most in which the amplitudes are still chosen."""
MAX_STEPS = 100
TOLERANCE = 1e-9
"""Newton decrement of the last step: the squared distance from the mode before it, in posterior standard deviations. That after it is
smaller than its square."""
LARGEST_MOVE = 4.0
"""A step that moves the log odds of a cell by more is shortened while the amplitudes are chosen."""


@dataclass(frozen=True)
class RatioFit:
    r"""Posterior of :math:`\log p_1(x) - \log p_0(x) = c + \Phi(x)^\top w`, both densities of mass one over the pooled cells."""

    offset: float
    """c at the mode."""
    weights: np.ndarray
    """Mode of w: rank."""
    center: np.ndarray
    """Mean features, weighted by the information of the cells: c moves by minus their product with w."""
    covariance: np.ndarray
    """Laplace covariance of w, c being free: rank × rank."""
    level_variance: float
    """Variance of the log ratio at the centre."""
    amplitudes: np.ndarray
    """Prior variance of every block of weights."""
    null_probability: float
    """Probability that nothing changes, against the chosen amplitudes; before the data the odds are even, but for the choice
    of regions."""
    sample_amplitudes: np.ndarray | None = None
    """Prior variance of the samples' own fields, by block; None where samples are not known or do not differ."""

    def log_ratio(self, phi: np.ndarray) -> np.ndarray:
        """Log ratio at the cells with features `phi` (cells × rank)."""
        return self.offset + phi @ self.weights

    def variance(self, phi: np.ndarray) -> np.ndarray:
        """Laplace variance of the log ratio."""
        return _variance(phi, self.center, self.covariance, self.level_variance)

    def at(self, cells: CellBlocks) -> tuple[np.ndarray, np.ndarray]:
        """Log ratio and variance of all cells."""
        of_level = (self.offset, self.level_variance)
        found = cells.map(_log_ratio_and_variance, self.weights, self.center, self.covariance, of_level)
        return found[:, 0], found[:, 1]


def _variance(phi: Any, center: np.ndarray, covariance: np.ndarray, of_level: float) -> Any:
    xp, rows = numerics(phi)[0], phi - center
    found = of_level + xp.einsum("cr,cr->c", rows @ covariance, rows)
    # a product of NaN and 0 may be either: cells without a state stay without a value
    return xp.where(xp.isfinite(phi).all(axis=1), found, xp.nan)


def _log_ratio_and_variance(
    phi: Any, _: Any, weights: np.ndarray, center: np.ndarray, covariance: np.ndarray, of_level: tuple[float, float]
) -> Any:
    offset, level_variance = of_level
    parts = offset + phi @ weights, _variance(phi, center, covariance, level_variance)
    return numerics(phi)[0].column_stack(parts)


@dataclass(frozen=True)
class _Moments:
    """Sums over the cells at one value of the parameters."""

    value: float
    """Log likelihood."""
    gradient: np.ndarray
    """Of the level and the weights: rank + 1."""
    hessian: np.ndarray
    """Of the negative log likelihood: (rank + 1) × (rank + 1)."""


def fit_ratio(
    cells: CellBlocks,
    late: np.ndarray,
    blocks: np.ndarray,
    amplitudes: np.ndarray | None = None,
    *,
    log_odds_change: float = 0.0,
) -> RatioFit:
    r"""
    Estimate the log ratio of the densities of two sets of cells.

    Of the pooled cells at a state, the share :math:`n_1 p_1 / (n_0 p_0 + n_1 p_1)` is of the second set, so the log odds of a
    cell to be of it are :math:`\log(n_1/n_0) + \log p_1(x) - \log p_0(x)`: logistic regression with the field
    :math:`b + \Phi(x)^\top w`, :math:`w_k \sim N(0, a^2)` with the amplitude of the block of k, and b free. It is concave. With b free
    the fitted probabilities sum to :math:`n_1`, so both densities have mass one over the pooled cells without a further step.

    The amplitudes are those of largest evidence on a grid that contains 0, of the expansion of the likelihood around
    the present estimate, and chosen again in each Newton step until they stay. At the end the Laplace evidence is
    compared with that of no change; where this is larger, the log ratio is exactly 0.

    The log odds also vary with the cell numbers, which are given; hence the variance :math:`1/n_0 + 1/n_1` of their log ratio is
    subtracted (Prentice & Pyke 1979, Biometrika 66, 403).

    Parameters
    ----------
    cells
        Features of the cells, cells × rank, and a code of each.
    late
        Whether cells of each code are of the second set.
    blocks
        Number of the block of each feature.
    amplitudes
        Prior variance of every block; None chooses them.
    log_odds_change
        Log odds beforehand that anything changes.
    """
    rank = cells.shape[1]
    n_late, n = float(np.count_nonzero(late[cells.codes])), len(cells)
    log_odds = float(np.log(n_late / (n - n_late)))
    theta = np.append(log_odds, np.zeros(rank))
    position = None
    now = _moments(cells, late, theta)
    null_value = now.value - np.log(now.hessian[0, 0]) / 2
    chosen = amplitudes
    for _ in range(ROUNDS if amplitudes is None else 0):
        hessian, linear = _without_level(now, theta)
        found = choose_amplitudes(hessian, linear, blocks, position)
        if (found < 0).all():
            return _nothing(rank, blocks)
        same = position is not None and (found == position).all()
        position, chosen = found, chosen_variances(hessian, linear, blocks, found)
        if same:
            break
        target = _solve(now, theta, chosen[blocks])
        (move,) = cells.reduce(_larger, _largest_move, target - theta)
        theta = theta + (target - theta) * min(1.0, LARGEST_MOVE / max(float(move), 1e-300))
        now = _moments(cells, late, theta)
    if chosen is None or not chosen.any():
        return _nothing(rank, blocks)
    dropped = (theta[1:] != 0) & (chosen[blocks] == 0)
    if dropped.any():
        theta[1:][dropped] = 0.0
        now = _moments(cells, late, theta)
    theta, now = _newton(cells, late, theta, now, chosen[blocks])
    hessian, linear = _without_level(now, theta)
    _, covariance, _, determinant = solve_prior(hessian, linear, chosen[blocks])
    on = chosen[blocks] > 0
    penalty = float(np.sum(theta[1:][on] ** 2 / chosen[blocks][on])) / 2
    evidence = now.value - penalty + determinant - np.log(now.hessian[0, 0]) / 2 + log_odds_change
    if amplitudes is None and evidence <= null_value:
        return _nothing(rank, blocks)
    return RatioFit(
        offset=float(theta[0]) - log_odds,
        weights=theta[1:],
        center=now.hessian[0, 1:] / now.hessian[0, 0],
        covariance=covariance,
        level_variance=max(1 / float(now.hessian[0, 0]) - 1 / n_late - 1 / (n - n_late), 0.0),
        amplitudes=chosen,
        null_probability=float(expit(null_value - evidence)),
    )


def _nothing(rank: int, blocks: np.ndarray) -> RatioFit:
    """The log ratio 0."""
    zero = np.zeros(rank)
    return RatioFit(0.0, zero, zero, np.zeros((rank, rank)), 0.0, np.zeros(blocks.max() + 1), 1.0)


def _newton(
    cells: CellBlocks, late: np.ndarray, theta: np.ndarray, now: _Moments, variances: np.ndarray
) -> tuple[np.ndarray, _Moments]:
    """Mode of the posterior with given prior variances, from `theta` with its moments."""
    on = variances > 0

    def objective(moments: _Moments, at: np.ndarray) -> float:
        return moments.value - float(np.sum(at[1:][on] ** 2 / variances[on])) / 2

    for _ in range(MAX_STEPS):
        step = _solve(now, theta, variances) - theta
        slope = now.gradient.copy()
        slope[1:][on] -= theta[1:][on] / variances[on]
        decrement = float(slope @ step)
        size, value = 1.0, objective(now, theta)
        while True:
            candidate = theta + size * step
            new = _moments(cells, late, candidate)
            # at the optimum, differences drown in rounding: allow for it
            if objective(new, candidate) >= value + 1e-4 * size * decrement - 1e-12 * abs(value) or size < 1e-10:
                break
            size /= 2
        theta, now = candidate, new
        if decrement <= TOLERANCE:
            return theta, now
    logger.warning("The log ratio did not converge in %d Newton steps (decrement %.2g).", MAX_STEPS, decrement)
    return theta, now


def _moments(cells: CellBlocks, late: np.ndarray, theta: np.ndarray) -> _Moments:
    """Value, gradient and Hessian: sums over blocks of cells."""
    value, gradient, hessian = cells.sum(_moments_of, late, theta)
    return _Moments(float(value), gradient, hessian)


def _moments_of(rows: np.ndarray, codes: np.ndarray, late: np.ndarray, theta: np.ndarray) -> tuple:
    """Value, gradient and Hessian of a block of cells."""
    xp, special = numerics(rows)
    sign = xp.where(late[codes], 1.0, -1.0)
    eta = theta[0] + rows @ theta[1:]
    residual = sign * special.expit(-sign * eta)
    information = special.expit(eta) * special.expit(-eta)
    with_level = (information @ rows)[None]
    scaled = rows * xp.sqrt(information)[:, None]
    hessian = xp.block([[information.sum()[None, None], with_level], [with_level.T, scaled.T @ scaled]])
    return -xp.logaddexp(0, -sign * eta).sum(), xp.append(residual.sum(), residual @ rows), hessian


def _largest_move(rows: np.ndarray, _: np.ndarray, theta: np.ndarray) -> tuple[np.floating]:
    return (abs(theta[0] + rows @ theta[1:]).max(),)


def _larger(first: tuple[np.floating], second: tuple[np.floating]) -> tuple[np.floating]:
    return (max(first[0], second[0]),)


def _without_level(now: _Moments, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """H and b of the weights around `theta`, the level being free."""
    full = now.hessian @ theta + now.gradient
    cross = now.hessian[1:, 0] / now.hessian[0, 0]
    return now.hessian[1:, 1:] - np.outer(cross, now.hessian[0, 1:]), full[1:] - cross * full[0]


def _solve(now: _Moments, theta: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Where the expansion of the log posterior around `theta` is largest."""
    weights = prior_mode(*_without_level(now, theta), variances)
    full = now.hessian[0] @ theta + now.gradient[0]
    level = (full - now.hessian[0, 1:] @ weights) / now.hessian[0, 0]
    return np.append(level, weights)
