"""Smoothed expression of every condition, with its variance between replicates, from the moments of the samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dask
import numpy as np

from kompot_scverse._gp.parallel import compute_here
from kompot_scverse._gp.posterior import Posterior, posterior, posterior_weights, spectrum

from .constant_genes import TOLERANCE, constant_levels
from .mahalanobis import distances_from, mahalanobis
from .sample_covariance import SampleCovariance, factor_variance, sample_covariance


@dataclass(frozen=True)
class ExpressionFit:
    """Posterior of every condition."""

    posteriors: list[Posterior]
    covariances: list[SampleCovariance] | None
    """Variance between replicates of every condition; None without replicates."""

    distances: list[np.ndarray] | None = None
    """Mahalanobis distances of every condition but the first from the first, where they have been computed."""

    def computed(self, create: Callable[[tuple[int, ...]], Any] | None = None) -> "ExpressionFit":
        """
        The same with what costs most done once: with replicates, the variance between them and the distances.

        The sums per sample are no longer needed afterwards.

        Parameters
        ----------
        create
            Makes an array of a shape, in memory or on disk, that keeps the factor of a condition (in the precision of the
            array; the distances are from the exact one). None does not keep the factors.
        """
        if self.covariances is None:
            return self
        factors = [covariance.factor for covariance in self.covariances]
        targets = [] if create is None else [create(factor.shape) for factor in factors]
        functions = [distances_from(self.posteriors[0], post) for post in self.posteriors[1:]]

        def finish(start: int, *blocks: np.ndarray) -> list[np.ndarray]:
            genes = slice(start, start + len(blocks[0]))
            for target, block in zip(targets, blocks, strict=bool(targets)):
                target[genes] = block.astype(target.dtype)
            return [
                function(np.concatenate([blocks[0], block], axis=2), genes)
                for function, block in zip(functions, blocks[1:], strict=True)
            ]

        starts = np.cumsum([0, *factors[0].chunks[0][:-1]])
        blocks = [factor.to_delayed().ravel() for factor in factors]
        task = dask.delayed(finish, pure=False)
        parts = compute_here(*[task(start, *of_chunk) for start, *of_chunk in zip(starts, *blocks, strict=True)])
        distances = [np.concatenate(of_group) for of_group in zip(*parts, strict=True)]
        kept = None
        if targets:
            kept = [one.moved_to(target) for one, target in zip(self.covariances, targets, strict=True)]
        return replace(self, covariances=kept, distances=distances)

    def weights(self, condition: int) -> np.ndarray:
        """Weights of the smoothed expression of a condition: genes × rank."""
        return self.posteriors[condition].weights

    def fold_change_variance(self, features: np.ndarray, group: int) -> np.ndarray:
        """Variance of the fold change at features or at means of features: 1 × places, or genes × places with replicates."""
        variance = self.posteriors[0].variances(features) + self.posteriors[group].variances(features)
        if self.covariances is None:
            return variance
        factor = self.covariances[0].joined(self.covariances[group])
        edges = np.cumsum([0, *factor.chunks[0]])
        chunks = [compute_here(factor[start:stop])[0] for start, stop in zip(edges[:-1], edges[1:], strict=True)]
        return variance + np.concatenate([factor_variance(features, chunk).T for chunk in chunks])

    def distance(self, group: int) -> np.ndarray:
        """Mahalanobis distance of the fold change of every gene from zero."""
        if self.distances is not None:
            return self.distances[group - 1]
        a, b = self.posteriors[0], self.posteriors[group]
        if self.covariances is None:
            return mahalanobis(a, b)
        return mahalanobis(a, b, self.covariances[0].joined(self.covariances[group]))

    def fold_change(self, group: int) -> np.ndarray:
        """Weights of the fold change, group − reference: genes × rank."""
        return self.posteriors[group].weights - self.posteriors[0].weights


def fit_expression(
    grams: np.ndarray,
    cross: np.ndarray,
    sigma: float,
    conditions: Sequence[np.ndarray],
    replicates: Sequence[np.ndarray] | None,
    sums: np.ndarray | None = None,
) -> ExpressionFit:
    """
    Posterior of each condition from the moments of its samples.

    A gene with one value in all cells of the first condition and of others does not tell them apart: these conditions
    share one fit to all their cells. Separate fits would differ only because their cells are in other places.

    Parameters
    ----------
    grams, cross
        Moments of the samples: samples × rank × rank and samples × genes × rank.
    sigma
        Noise standard deviation.
    conditions
        Numbers of the samples of each condition.
    replicates
        Numbers of the samples of each condition that count as replicates; None leaves the variance between them out.
    sums
        ΣΦ of the samples, samples × rank, by which constant genes are known; None does not look for them.
    """
    posteriors, levels = [], []
    for members in conditions:
        own = _summed(cross, members)
        posteriors.append(posterior(grams[members].sum(axis=0), own, sigma))
        if sums is not None:
            levels.append(constant_levels(own, sums[members].sum(axis=0)))
    if len(levels) > 1:
        _share_constant(posteriors, np.array(levels), cross, sigma, conditions)
    covariances = None
    if replicates is not None:
        covariances = [sample_covariance(grams, cross, sigma, members) for members in replicates]
    return ExpressionFit(posteriors, covariances)


def _share_constant(
    posteriors: list[Posterior],
    levels: np.ndarray,
    cross: np.ndarray,
    sigma: float,
    conditions: Sequence[np.ndarray],
) -> None:
    """Replace the weights of genes with one value by those of a fit to all conditions that have it as the first has."""
    same = np.abs(levels - levels[0]) <= TOLERANCE * np.abs(levels[0])
    # nothing to share where all is zero
    same &= levels[0] != 0
    genes = np.flatnonzero(same[1:].any(axis=0))
    for pattern in np.unique(same[:, genes], axis=1).T:
        own = genes[(same[:, genes] == pattern[:, None]).all(axis=0)]
        sharing = np.flatnonzero(pattern).tolist()
        gram = np.sum([posteriors[number].gram for number in sharing], axis=0)
        members = np.concatenate([conditions[number] for number in sharing])
        weights = posterior_weights(spectrum(gram), cross[members][:, own].sum(axis=0), sigma)
        for number in sharing:
            posteriors[number].weights[own] = weights


def _summed(cross: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Sum over some samples; a view of a single one. One by one, since a choice of samples would be a copy."""
    if len(members) == 1:
        return cross[members[0]]
    total = cross[members[0]] + cross[members[1]]
    for member in members[2:]:
        total += cross[member]
    return total
