"""Posterior of the varying-coefficient model, averaged over the variance ratios of each gene."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

import numpy as np

from .evidence import FLOOR, Grid, run_in_blocks
from .factor import Factor
from .function_covariances import Function, Joint, covariance_tables, factor_of, joint_covariances
from .right_hands import RightHands
from .sample_sums import SampleSums
from .variance_table import JointTable, VarianceTable
from .varying_coefficients import VaryingCoefficients


@dataclass(frozen=True)
class Components:
    """What the model says of each gene."""

    weights: list[np.ndarray]
    """Posterior mean of every function: genes × features."""
    variances: list[VarianceTable]
    """Posterior variance of every function."""
    distances: list[np.ndarray | None]
    r"""Mahalanobis distance of every tested function from zero: the mean of :math:`f^\top V^{-1} f` over the ratios."""
    sample: np.ndarray
    """Variance of the sample processes (their amplitude squared) of each gene, in squared units of the expression."""
    noise: np.ndarray
    """Variance of the noise."""
    joint: JointTable | None = None
    """Covariances of the functions of which combinations are asked for later."""


type Probability = Callable[[slice, RightHands], np.ndarray]
"""From some genes and their right-hand sides: the probability of each point of the grid, genes × points; 0 is left out."""


def fit_components(
    model: VaryingCoefficients,
    sums: SampleSums,
    grid: Grid,
    probability: Probability,
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
        Variance ratios, and their probability for each gene.
    functions
        What is wanted.
    points
        Features of places that cover the cell states: there a few covariances are chosen that represent those of all ratios.
    joint
        Functions whose covariances are wanted, too.
    """
    n_genes = sums.cross.shape[1]
    covariances, mixings = covariance_tables(model, grid, functions, points)
    of_joint = None if joint is None else joint_covariances(model, grid, joint, points)
    sample, noise = np.zeros(n_genes), np.zeros(n_genes)
    # weights of sums in single precision are kept, and stored, in it
    kind = np.float32 if sums.single and grid.noise is None else np.float64
    weights = [np.zeros((n_genes, model.n_features), dtype=kind) for _ in functions]
    loads = [np.empty((n_genes, mixing.shape[1])) for mixing in mixings]
    joint_loads = None if of_joint is None else np.empty((n_genes, of_joint[1].shape[1]))
    distances = [np.zeros(n_genes) if function.tested else None for function in functions]
    average = _Average(model, grid, functions)

    def fill(genes: slice) -> None:
        hands = RightHands(model, sums.genes(genes))
        found = average.of(hands, probability(genes, hands))
        of_functions = [(one.columns, own[genes]) for one, own in zip(functions, weights, strict=True)]
        model.add_weights(found.coefficients, of_functions)
        for distance, squared in zip(distances, found.squared, strict=True):
            if distance is not None:
                distance[genes] = np.sqrt(squared)
        for own, mixing in zip(loads, mixings, strict=True):
            own[genes] = found.loads @ mixing
        if of_joint is not None and joint_loads is not None:
            joint_loads[genes] = found.loads @ of_joint[1]
        sample[genes] = found.loads @ grid.points[:, 0]
        noise[genes] = found.loads.sum(axis=1)

    run_in_blocks(fill, n_genes, "posteriors")
    return Components(
        weights,
        [VarianceTable(model.axes, own, load) for own, load in zip(covariances, loads, strict=True)],
        distances,
        sample=sample,
        noise=noise,
        joint=None if of_joint is None or joint_loads is None else JointTable(of_joint[0], joint_loads),
    )


@dataclass(frozen=True)
class _Averaged:
    """Averages over the grid for a block of genes."""

    coefficients: np.ndarray
    """Posterior mean of the coefficients: genes × coefficients."""
    squared: np.ndarray
    """Squared distances of the functions: functions × genes."""
    loads: np.ndarray
    """Probability times the variance of the noise: genes × points."""


class _Average:
    """The average of the posterior over the grid, for blocks of genes."""

    def __init__(self, model: VaryingCoefficients, grid: Grid, functions: list[Function]) -> None:
        self.model, self.grid, self.functions = model, grid, functions
        self.pairs = grid.pairs()
        self._measures: dict[tuple[float, float], list[Measure | None]] = {}
        self._lock = Lock()

    def of(self, hands: RightHands, probability: np.ndarray) -> _Averaged:
        model, grid, flat = self.model, self.grid, hands.flat
        coefficients = np.zeros(hands.right.shape)
        loads = np.zeros(probability.shape)
        squared = np.zeros((len(self.functions), len(flat)))
        for sample, states in self.pairs:
            any_of = [probability[:, numbers].any(axis=1) for _, numbers in states]
            if not np.any(any_of):
                continue
            right, squares = hands.at(sample, np.flatnonzero(np.any(any_of, axis=0)))
            for (state, numbers), of_state in zip(states, any_of, strict=True):
                rows = np.flatnonzero(of_state)
                if len(rows) == 0:
                    continue
                factor, shrink = factor_of(model, grid, numbers)
                share = probability[np.ix_(rows, numbers)]
                fixed, effects = factor.transformed(right, rows)
                taken = factor.reductions(fixed, effects, grid.points[numbers, 2])
                sigma2 = self._noise(hands, rows, squares[rows, None] - taken)
                loads[np.ix_(rows, numbers)] = share * sigma2
                for distance, one in zip(squared, self._measure((sample, state), factor, shrink), strict=True):
                    if one is not None:
                        of_ratios = one(fixed, effects)
                        distance[rows] += (share * of_ratios / np.maximum(sigma2, np.finfo(float).tiny)).sum(axis=1)
                fixed *= share.sum(axis=1, keepdims=True)
                effects *= share @ shrink
                coefficients[np.ix_(rows, factor.kept)] += factor.coefficients(fixed, effects)
        coefficients[:, 0] += hands.means
        # a constant gene has its mean, and nothing else but rounding
        coefficients[flat] = 0.0
        coefficients[flat, 0] = hands.means[flat]
        squared[:, flat] = 0.0
        if grid.noise is None:
            loads[flat] = 0.0
        return _Averaged(coefficients, squared, loads)

    def _noise(self, hands: RightHands, rows: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """Variance of the noise of some genes from their residual sums of squares: genes × points."""
        if self.grid.noise is not None:
            return np.full_like(residual, self.grid.noise)
        return np.maximum(residual, FLOOR * hands.total[rows, None]) / self.model.degrees

    def _measure(self, ratios: tuple[float, float], factor: Factor, shrink: np.ndarray) -> "list[Measure | None]":
        with self._lock:
            if ratios not in self._measures:
                self._measures[ratios] = [
                    _squared_distance(self.model, factor, shrink, one) if one.tested else None for one in self.functions
                ]
            return self._measures[ratios]


type Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _squared_distance(model: VaryingCoefficients, factor: Factor, shrink: np.ndarray, function: Function) -> Measure:
    r"""
    A function that gives :math:`f^\top V^{-1} f` times σ² from u (both parts, genes × coefficients): genes × ratios.

    :math:`f = B v` with :math:`B = A T^\top \mathrm{diag}(\sqrt h)`, :math:`v = \sqrt h \odot u` and :math:`V = \sigma^2 B
    B^\top`, so it is the squared length of v within the row space of B. Where there is one effect, that space is all of its
    coefficients.
    """
    if model.n_columns == 2 and function.columns[0] == 0:
        before = factor.n_fixed - model.n_flat

        def of_one_effect(fixed: np.ndarray, effects: np.ndarray) -> np.ndarray:
            return np.square(fixed[:, before:]).sum(axis=1, keepdims=True) + np.square(effects) @ shrink.T

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
