"""Posterior of the varying-coefficient model, averaged over the variance ratios of each gene."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .evidence import FLOOR, Grid, is_flat, run_in_blocks, squares_about_mean
from .factor import Factor
from .parallel import compute_here
from .right_hands import RightHands
from .sample_sums import SampleSums
from .variance_table import JointTable, VarianceTable, compress
from .varying_coefficients import VaryingCoefficients

__all__ = ["Components", "Function", "Joint", "fit_components"]


@dataclass(frozen=True)
class Function:
    """A function over the cell states that is asked for: Σ aⱼ (mⱼ + βⱼ(x))."""

    columns: np.ndarray
    """a: one number per column of the design."""
    tested: bool = False
    """Whether its distance from zero is wanted."""


@dataclass(frozen=True)
class Components:
    """What the model says of each gene."""

    weights: list[np.ndarray]
    """Posterior mean of every function: genes × features."""
    variances: list[VarianceTable]
    """Posterior variance of every function."""
    distances: list[np.ndarray | None]
    r"""Mahalanobis distance of every tested function from zero: the mean of :math:`f^\top V^{-1} f` over the ratios."""
    state: np.ndarray
    """Variance of the state process (its amplitude squared) of each gene, in squared units of the expression."""
    effect: np.ndarray
    """Variance of the effect processes."""
    sample: np.ndarray
    """Variance of the sample processes."""
    noise: np.ndarray
    """Variance of the noise."""
    joint: JointTable | None = None
    """Covariances of the functions of which combinations are asked for later."""


@dataclass(frozen=True)
class Joint:
    """Functions of which combinations are asked for later."""

    columns: np.ndarray
    """Functions × columns of the design."""
    typical: np.ndarray
    """Combinations for which the table of covariances must be good: combinations × functions."""


def fit_components(
    model: VaryingCoefficients,
    sums: SampleSums,
    grid: Grid,
    probability: np.ndarray,
    functions: list[Function],
    points: np.ndarray,
    joint: Joint | None = None,
) -> Components:
    """
    Average the posterior over the grid.

    Parameters
    ----------
    model, sums
        The model and the sums of the genes.
    grid, probability
        Variance ratios, and their probability for each gene (genes × points of the grid; 0 is left out).
    functions
        What is wanted.
    points
        Features of places that cover the cell states, on which the few covariances are chosen that stand for those of all ratios.
    joint
        Functions whose covariances are wanted, too.
    """
    import dask

    n_genes, size = sums.cross.shape[1], model.n_columns * model.n_features
    coefficients = np.zeros((n_genes, size))
    noise = np.zeros((n_genes, len(grid.points)))
    squared = np.zeros((len(functions), n_genes))
    used = (probability > 0).any(axis=0)
    pairs = grid.pairs()
    total = squares_about_mean(model, sums)
    flat = is_flat(model, sums)
    floor = FLOOR * total / model.degrees
    measures: dict[tuple[float, float], list[Measure | None]] = {}
    for sample, states in pairs:
        for state, numbers in states:
            if used[numbers].any():
                factor, shrink = _factor(model, grid, numbers)
                measures[sample, state] = [
                    _squared_distance(model, factor, shrink, function) if function.tested else None
                    for function in functions
                ]

    def fill(genes: slice) -> None:
        hands = RightHands(model, sums.genes(genes))
        for sample, states in pairs:
            if not any(probability[genes, numbers].any() for _, numbers in states):
                continue
            right, squares = hands.at(sample)
            for state, numbers in states:
                own = np.flatnonzero(probability[genes][:, numbers].any(axis=1))
                if len(own) == 0:
                    continue
                factor, shrink = _factor(model, grid, numbers)
                rows = own + genes.start
                share = probability[np.ix_(rows, numbers)]
                fixed, effects = factor.transformed(right, own)
                taken = factor.reductions(fixed, effects, grid.points[numbers, 2])
                sigma2 = np.maximum((squares[own, None] - taken) / model.degrees, floor[rows, None])
                noise[np.ix_(rows, numbers)] = sigma2
                for distance, one in zip(squared, measures[sample, state], strict=True):
                    if one is not None:
                        of_ratios = one(fixed, effects)
                        distance[rows] += (share * of_ratios / np.maximum(sigma2, np.finfo(float).tiny)).sum(axis=1)
                fixed *= share.sum(axis=1, keepdims=True)
                effects *= share @ shrink
                coefficients[np.ix_(rows, factor.kept)] += factor.coefficients(fixed, effects)
        coefficients[genes, 0] += hands.means

    run_in_blocks(fill, n_genes, "posteriors")
    # a constant gene has its mean, and nothing else but rounding
    coefficients[flat] = 0.0
    coefficients[flat, 0] = sums.means()[flat]
    squared[:, flat] = 0.0
    loads = probability * noise
    loads[flat] = 0.0
    tables: list[VarianceTable | None] = [None] * len(functions)

    def tabulate(number: int) -> None:
        # of the whole grid: the choice must not depend on the genes
        chosen, mixing = compress(_forms(model, grid, functions[number], points))
        matrices = [_covariance(model, grid, int(k), functions[number]) for k in chosen]
        tables[number] = VarianceTable(np.stack(matrices), loads @ mixing)

    task = dask.delayed(tabulate, pure=False)
    compute_here(*[task(number) for number in range(len(functions))])
    amplitudes = loads @ grid.points
    return Components(
        model.weights(coefficients, [function.columns for function in functions]),
        [table for table in tables if table is not None],
        [np.sqrt(d) if f.tested else None for d, f in zip(squared, functions, strict=True)],
        state=amplitudes[:, 1],
        effect=amplitudes[:, 2],
        sample=amplitudes[:, 0],
        noise=loads.sum(axis=1),
        joint=None if joint is None else _joint_table(model, grid, joint, points, loads),
    )


def _joint_table(
    model: VaryingCoefficients, grid: Grid, joint: Joint, points: np.ndarray, loads: np.ndarray
) -> JointTable:
    """Covariances of all pairs of functions at the few points of the grid that stand for all."""
    forms = [_forms(model, grid, Function(columns), points) for columns in joint.typical @ joint.columns]
    chosen, mixing = compress(np.vstack(forms))
    n = len(joint.columns)
    pairs = np.transpose(np.triu_indices(n))
    matrices = []
    for k in chosen:
        own = [_covariance(model, grid, int(k), Function(columns)) for columns in joint.columns]
        of_pairs = []
        for i, j in pairs:
            if i == j:
                of_pairs.append(own[i])
                continue
            both = _covariance(model, grid, int(k), Function(joint.columns[i] + joint.columns[j]))
            of_pairs.append((both - own[i] - own[j]) / 2)
        matrices.append(of_pairs)
    return JointTable(np.array(matrices), loads @ mixing)


def _factor(model: VaryingCoefficients, grid: Grid, numbers: np.ndarray) -> tuple[Factor, np.ndarray]:
    """Factor for all effects under one ratio of samples and state, and the shrinkage at each of them."""
    sample, state = grid.points[numbers[0], :2]
    effect = grid.points[numbers, 2]
    factor = model.factor(float(sample), float(state), float(effect.max()))
    return factor, factor.shrinkage(effect)


def _forms(model: VaryingCoefficients, grid: Grid, function: Function, points: np.ndarray) -> np.ndarray:
    """Posterior variance of a function over the noise: places × points of the grid."""
    rotated = points @ model.axes
    forms = np.zeros((len(points), len(grid.points)))
    for _, states in grid.pairs():
        for _, numbers in states:
            factor, shrink = _factor(model, grid, numbers)
            left = model.seen_through(factor, function.columns)
            half = np.square(rotated[:, : len(left)] @ left)
            m = factor.n_fixed
            forms[:, numbers] = half[:, :m].sum(axis=1)[:, None] + half[:, m:] @ shrink.T
            for number in numbers:
                left_out = model.left_out(function.columns, grid.points[number], factor.kept)
                forms[:, number] += np.square(rotated) @ left_out
    return forms


def _covariance(model: VaryingCoefficients, grid: Grid, number: int, function: Function) -> np.ndarray:
    """Posterior covariance of the features' weights of a function over the noise, at one point of the grid."""
    point = grid.points[number]
    numbers = np.flatnonzero((grid.points[:, :2] == point[:2]).all(axis=1))
    factor, shrink = _factor(model, grid, numbers)
    left = model.seen_through(factor, function.columns)
    scaled = left.copy()
    scaled[:, factor.n_fixed :] *= shrink[np.flatnonzero(numbers == number)[0]]
    axes, left_out = model.axes, model.left_out(function.columns, point, factor.kept)
    kept, rest = axes[:, : len(left)], left_out > 0
    return kept @ (scaled @ left.T) @ kept.T + (axes[:, rest] * left_out[rest]) @ axes[:, rest].T


type Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _squared_distance(model: VaryingCoefficients, factor: Factor, shrink: np.ndarray, function: Function) -> Measure:
    r"""
    A function that gives :math:`f^\top V^{-1} f` times σ² from u (both parts, genes × coefficients): genes × ratios.

    :math:`f = B v` with :math:`B = A T^\top \mathrm{diag}(\sqrt h)`, :math:`v = \sqrt h \odot u` and :math:`V = \sigma^2 B
    B^\top`, so it is the squared length of v within the row space of B. Where there is one effect, that space is all of its
    coefficients.
    """
    if model.n_columns == 2 and function.columns[0] == 0:

        def of_one_effect(fixed: np.ndarray, effects: np.ndarray) -> np.ndarray:
            return np.square(fixed[:, -1:]) + np.square(effects) @ shrink.T

        return of_one_effect
    left = model.seen_through(factor, function.columns)
    projections = []
    for h in shrink:
        root = np.concatenate([np.ones(factor.n_fixed), np.sqrt(h)])
        own = left * root
        length = np.sqrt(np.square(own).sum(axis=1))
        # functions that the prior holds at zero take no part
        own = own[length > 0] / length[length > 0, None]
        projections.append(root[:, None] * np.linalg.qr(own.T)[0])

    def of_several(fixed: np.ndarray, effects: np.ndarray) -> np.ndarray:
        u = np.hstack([fixed, effects])
        return np.stack([np.square(u @ projection).sum(axis=1) for projection in projections], axis=1)

    return of_several
