"""Posterior of the varying-coefficient model, averaged over the variance ratios of each gene."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .evidence import FLOOR, Grid, is_flat, run_in_blocks, squares_about_mean
from .variance_table import VarianceTable, compress
from .varying_coefficients import Factor, SampleSums, VaryingCoefficients

__all__ = ["Components", "Function", "fit_components"]


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


def fit_components(
    model: VaryingCoefficients,
    sums: SampleSums,
    grid: Grid,
    probability: np.ndarray,
    functions: list[Function],
    points: np.ndarray,
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
    """
    n_genes, size = sums.cross.shape[1], model.n_columns * model.n_features
    maps = [model.functional(function.columns) for function in functions]
    coefficients = np.zeros((n_genes, size))
    noise = np.zeros((n_genes, len(grid.points)))
    squared = np.zeros((len(functions), n_genes))
    used = np.flatnonzero((probability > 0).any(axis=0))
    forms = np.zeros((len(functions), len(points), len(grid.points)))
    total = squares_about_mean(model, sums)
    flat = is_flat(model, sums)
    floor = FLOOR * total / model.degrees
    for sample, states in grid.pairs():
        of_sample = np.concatenate([numbers for _, numbers in states])
        matrix = model.matrix(sample)
        factors = []
        for state, numbers in states:
            factor = model.factor(matrix, state)
            for form, map_ in zip(forms, maps, strict=True):
                half = np.square(points @ map_ @ factor.transform.T)
                shrink = factor.shrinkage(grid.points[numbers, 2])
                form[:, numbers] = half[:, : factor.n_fixed].sum(axis=1)[:, None] + half[:, factor.n_fixed :] @ shrink.T
            numbers = np.intersect1d(numbers, used)
            if len(numbers) == 0:
                continue
            shrink = factor.shrinkage(grid.points[numbers, 2])
            whiten = [
                _squared_distance(model, factor, shrink, function, map_) if function.tested else None
                for function, map_ in zip(functions, maps, strict=True)
            ]
            factors.append((factor, numbers, shrink, whiten))

        def fill(genes: slice, sample=sample, factors=factors, of_sample=of_sample) -> None:
            if not probability[genes][:, of_sample].any():
                return
            right, squares = model.right_hand(sums.genes(genes), sample)
            for factor, numbers, shrink, whiten in factors:
                own = np.flatnonzero(probability[genes][:, numbers].any(axis=1))
                if len(own) == 0:
                    continue
                rows = own + genes.start
                share = probability[np.ix_(rows, numbers)]
                u = right[own] @ factor.transform.T
                taken = factor.reductions(np.square(u), grid.points[numbers, 2])
                sigma2 = np.maximum((squares[own, None] - taken) / model.degrees, floor[rows, None])
                noise[np.ix_(rows, numbers)] = sigma2
                for distance, one in zip(squared, whiten, strict=True):
                    if one is not None:
                        distance[rows] += (share * one(u) / np.maximum(sigma2, np.finfo(float).tiny)).sum(axis=1)
                u[:, : factor.n_fixed] *= share.sum(axis=1, keepdims=True)
                u[:, factor.n_fixed :] *= share @ shrink
                coefficients[rows] += u @ factor.transform

        run_in_blocks(fill, n_genes)
    # a constant gene has its mean, and nothing else but rounding
    coefficients[flat] = 0.0
    coefficients[flat, 0] = sums.cross[:, flat, 0].sum(axis=0) / model.n_cells
    squared[:, flat] = 0.0
    loads = probability * noise
    loads[flat] = 0.0
    tables = []
    for form, map_ in zip(forms, maps, strict=True):
        # of the whole grid: the choice must not depend on the genes
        chosen, mixing = compress(form)
        matrices = [_covariance(model, grid.points[k], map_) for k in chosen]
        tables.append(VarianceTable(np.stack(matrices), loads @ mixing))
    amplitudes = loads @ grid.points
    return Components(
        [coefficients @ map_.T for map_ in maps],
        tables,
        [np.sqrt(d) if f.tested else None for d, f in zip(squared, functions, strict=True)],
        state=amplitudes[:, 1],
        effect=amplitudes[:, 2],
        sample=amplitudes[:, 0],
        noise=loads.sum(axis=1),
    )


def _covariance(model: VaryingCoefficients, point: np.ndarray, map_: np.ndarray) -> np.ndarray:
    """Posterior covariance of the features' weights of a function over the noise, at one point of the grid."""
    factor = model.factor(model.matrix(point[0]), point[1])
    left = map_ @ factor.transform.T
    scaled = left.copy()
    scaled[:, factor.n_fixed :] *= factor.shrinkage(point[2:])[0]
    return scaled @ left.T


def _squared_distance(
    model: VaryingCoefficients, factor: Factor, shrink: np.ndarray, function: Function, map_: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    r"""
    A function that gives :math:`f^\top V^{-1} f` times σ² from u: genes × coefficients to genes × ratios.

    :math:`f = B v` with :math:`B = A T^\top \mathrm{diag}(\sqrt h)`, :math:`v = \sqrt h \odot u` and :math:`V = \sigma^2 B
    B^\top`, so it is the squared length of v within the row space of B. Where there is one effect, that space is all of its
    coefficients.
    """
    if model.n_columns == 2 and function.columns[0] == 0:

        def of_one_effect(u: np.ndarray) -> np.ndarray:
            constant = np.square(u[:, factor.n_fixed - 1])
            return constant[:, None] + np.square(u[:, factor.n_fixed :]) @ shrink.T

        return of_one_effect
    left = map_ @ factor.transform.T
    projections = []
    for h in shrink:
        root = np.concatenate([np.ones(factor.n_fixed), np.sqrt(h)])
        own = left * root
        length = np.sqrt(np.square(own).sum(axis=1))
        # functions that the prior holds at zero take no part
        own = own[length > 0] / length[length > 0, None]
        projections.append(root[:, None] * np.linalg.qr(own.T)[0])

    def of_several(u: np.ndarray) -> np.ndarray:
        return np.stack([np.square(u @ projection).sum(axis=1) for projection in projections], axis=1)

    return of_several
