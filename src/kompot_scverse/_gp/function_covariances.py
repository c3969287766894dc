"""Posterior covariances of functions of the varying-coefficient model, at the variance ratios of its grid."""

from dataclasses import dataclass

import dask
import numpy as np

from .evidence import Grid
from .factor import Factor
from .parallel import compute_here
from .variance_table import Covariance, compress
from .varying_coefficients import VaryingCoefficients


@dataclass(frozen=True)
class Function:
    """A function over the cell states that is asked for: Σ aⱼ (mⱼ + βⱼ(x))."""

    columns: np.ndarray
    """a: one number per column of the design."""
    tested: bool = False
    """Whether its distance from zero is wanted."""


@dataclass(frozen=True)
class Joint:
    """Functions of which combinations are asked for later."""

    columns: np.ndarray
    """Functions × columns of the design."""
    typical: np.ndarray
    """Combinations for which the table of covariances must be good: combinations × functions."""


def covariance_tables(
    model: VaryingCoefficients, grid: Grid, functions: list[Function], points: np.ndarray
) -> tuple[list[list[Covariance]], list[np.ndarray]]:
    """For each function, a few covariances that represent those at all points of the grid, and their weights."""

    def tabulate(function: Function) -> tuple[list[Covariance], np.ndarray]:
        chosen, mixing = np.zeros(1, dtype=np.intp), np.ones((1, 1))
        if len(grid.points) > 1:
            # of the whole grid: the choice must not depend on the genes
            chosen, mixing = compress(function_variances(model, grid, function, points))
        return [_covariance(model, grid, int(k), function) for k in chosen], mixing

    task = dask.delayed(tabulate, pure=False)
    found = compute_here(*[task(function) for function in functions])
    return [covariances for covariances, _ in found], [mixing for _, mixing in found]


def joint_covariances(
    model: VaryingCoefficients, grid: Grid, joint: Joint, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Covariances of all pairs of functions at a few points of the grid that represent all, and their weights."""
    forms = [function_variances(model, grid, Function(columns), points) for columns in joint.typical @ joint.columns]
    chosen, mixing = compress(np.vstack(forms))
    n = len(joint.columns)
    pairs = np.transpose(np.triu_indices(n))
    matrices = []
    for k in chosen:
        own = [_covariance(model, grid, int(k), Function(columns)).dense(model.axes) for columns in joint.columns]
        of_pairs = []
        for i, j in pairs:
            if i == j:
                of_pairs.append(own[i])
                continue
            both = _covariance(model, grid, int(k), Function(joint.columns[i] + joint.columns[j])).dense(model.axes)
            of_pairs.append((both - own[i] - own[j]) / 2)
        matrices.append(of_pairs)
    return np.array(matrices), mixing


def factor_of(model: VaryingCoefficients, grid: Grid, numbers: np.ndarray) -> tuple[Factor, np.ndarray]:
    """Factor for all effects under one ratio of samples and state, and the shrinkage at each of them."""
    sample, state = grid.points[numbers[0], :2]
    effect = grid.points[numbers, 2]
    factor = model.factor(float(sample), float(state), float(effect.max()))
    return factor, factor.shrinkage(effect)


def function_variances(model: VaryingCoefficients, grid: Grid, function: Function, points: np.ndarray) -> np.ndarray:
    """Posterior variance of a function over the noise: places × points of the grid."""
    rotated = points @ model.axes
    forms = np.zeros((len(points), len(grid.points)))
    for _, states in grid.pairs():
        for _, numbers in states:
            factor, shrink = factor_of(model, grid, numbers)
            left = model.seen_through(factor, function.columns)
            half = np.square(rotated[:, : len(left)] @ left)
            m = factor.n_fixed
            forms[:, numbers] = half[:, :m].sum(axis=1)[:, None] + half[:, m:] @ shrink.T
            for number in numbers:
                left_out = model.left_out(function.columns, grid.points[number], factor.kept)
                forms[:, number] += np.square(rotated) @ left_out
    return forms


def _covariance(model: VaryingCoefficients, grid: Grid, number: int, function: Function) -> Covariance:
    """Posterior covariance of the axes' weights of a function over the noise, at one point of the grid."""
    point = grid.points[number]
    numbers = np.flatnonzero((grid.points[:, :2] == point[:2]).all(axis=1))
    factor, shrink = factor_of(model, grid, numbers)
    left = model.seen_through(factor, function.columns)
    left[:, factor.n_fixed :] *= np.sqrt(shrink[np.flatnonzero(numbers == number)[0]])
    first, left_out = left @ left.T, model.left_out(function.columns, point, factor.kept)
    n = len(first)
    first[np.diag_indices(n)] += left_out[:n]
    return Covariance(first, left_out[n:])
