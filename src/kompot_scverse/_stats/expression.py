"""Smoothed expression of every condition, with its variance between replicates, from the moments of the samples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kompot_scverse._gp.posterior import Posterior, posterior

from .mahalanobis import mahalanobis
from .sample_covariance import SampleCovariance, keep_factors, sample_covariance

__all__ = ["ExpressionFit", "fit_expression"]


@dataclass(frozen=True)
class ExpressionFit:
    """Posterior of every condition."""

    posteriors: list[Posterior]
    covariances: list[SampleCovariance] | None
    """Variance between replicates of every condition; None without replicates."""

    def with_kept_factors(self, create: Callable[[tuple[int, ...]], Any]) -> "ExpressionFit":
        """The same, with the variance between replicates computed once, into arrays made by `create(shape)`."""
        if self.covariances is None:
            return self
        targets = [create(covariance.factor.shape) for covariance in self.covariances]
        return replace(self, covariances=keep_factors(self.covariances, targets))

    def distance(self, group: int, reference: int = 0) -> np.ndarray:
        """Mahalanobis distance of the fold change of every gene between two conditions."""
        a, b = self.posteriors[reference], self.posteriors[group]
        if self.covariances is None:
            return mahalanobis(a, b)
        return mahalanobis(a, b, self.covariances[reference].joined(self.covariances[group]))

    def fold_change(self, group: int, reference: int = 0) -> np.ndarray:
        """Weights of the fold change, group − reference: genes × rank."""
        return self.posteriors[group].weights - self.posteriors[reference].weights


def fit_expression(
    grams: np.ndarray,
    cross: np.ndarray,
    sigma: float | np.ndarray,
    conditions: Sequence[np.ndarray],
    replicates: Sequence[np.ndarray] | None,
) -> ExpressionFit:
    """
    Posterior of each condition from the moments of its samples.

    Parameters
    ----------
    grams, cross
        Moments of the samples: samples × rank × rank and samples × genes × rank.
    sigma
        Noise standard deviation; a number or one per gene.
    conditions
        Numbers of the samples of each condition.
    replicates
        Numbers of the samples of each condition that count as replicates; None leaves the variance between them out.
    """
    posteriors = []
    for members in conditions:
        # a single sample is taken as a view: the sum would copy genes × rank
        pooled = cross[members[0]] if len(members) == 1 else cross[members].sum(axis=0)
        posteriors.append(posterior(grams[members].sum(axis=0), pooled, sigma))
    covariances = None
    if replicates is not None:
        covariances = [sample_covariance(grams, cross, sigma, members) for members in replicates]
    return ExpressionFit(posteriors, covariances)
