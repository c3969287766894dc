"""Nonparametric empirical-Bayes prior of variances (NPMLE), and tests whose p-values are averaged over it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from kompot_scverse._gp.mixing import mixing_weights

GRID_POINTS = 30
BINS = 300
ITERATIONS = 100
"""Stopping early keeps the prior smooth; at the exact maximum it would be concentrated on a few values."""
BLOCK = 512
"""Genes at a time, so that genes x grid fits into the cache."""


@dataclass(frozen=True)
class VarianceDistribution:
    """Discrete prior of a variance, for estimates that follow a scaled χ² distribution."""

    grid: NDArray[np.float64]
    """Values of the variance, ascending."""
    mass: NDArray[np.float64]
    """Their probabilities."""
    df: int
    """Degrees of freedom of the estimates."""

    def likelihood(self, variance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Likelihood of every grid value given each estimate, relative to the best value: estimates x grid."""
        # -df/2 (log v + s²/v), less its maximum over v, which is at s² or at the end of the grid
        log = np.multiply.outer(variance, -0.5 * self.df / self.grid)
        log -= 0.5 * self.df * np.log(self.grid)
        best = np.clip(variance, self.grid[0], self.grid[-1])
        log += 0.5 * self.df * (np.log(best) + variance / best)[:, None]
        return np.exp(log, out=log)

    def test(
        self, statistic: NDArray[np.float64], variance: NDArray[np.float64], n_contrasts: int = 1
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        r"""Two-sided p-values of normal statistics whose variance is unknown, and the posterior mean of that variance.

        Parameters
        ----------
        statistic
            Absolute values x of statistics that have mean zero under the null.
        variance
            Their estimated variances :math:`s^2`, independent of them.
        n_contrasts
            If above 1, each statistic is the length of a vector of this many independent normal variables.

        Returns
        -------
        :math:`E[2 \Phi(-x / \sigma) \mid s^2]` and :math:`E[\sigma^2 \mid s^2]`; of k contrasts
        :math:`E[P(\chi^2_k > x^2 / \sigma^2) \mid s^2]`.
        """
        pvalue, expected = np.empty(len(variance)), np.empty(len(variance))
        for start in range(0, len(variance), BLOCK):
            block = slice(start, start + BLOCK)
            likelihood = self.likelihood(variance[block])
            total = likelihood @ self.mass
            expected[block] = likelihood @ (self.mass * self.grid) / total
            scaled = np.multiply.outer(statistic[block], 1 / np.sqrt(self.grid))
            likelihood *= 2 * special.ndtr(-scaled) if n_contrasts == 1 else special.chdtrc(n_contrasts, scaled**2)
            pvalue[block] = likelihood @ self.mass / total
        return pvalue, expected


def fit_npmle(variance: NDArray[np.float64], df: int) -> VarianceDistribution:
    """Nonparametric maximum-likelihood estimate of the prior of variances, from many estimated variances.

    The prior lies on a logarithmic grid and is fitted by expectation-maximisation to a histogram of the estimates (Ignatiadis &
    Sen 2023, arXiv:2303.02887).

    Parameters
    ----------
    variance
        Estimates, positive.
    df
        Their degrees of freedom.
    """
    ends = np.log(max(np.quantile(variance, 0.01), 1e-3 * np.median(variance))), np.log(variance.max())
    prior = VarianceDistribution(np.exp(np.linspace(*ends, GRID_POINTS)), np.full(GRID_POINTS, 1 / GRID_POINTS), df)
    counts, edges = np.histogram(np.log(np.clip(variance, np.exp(ends[0]), None)), bins=BINS)
    likelihood = prior.likelihood(np.exp((edges[1:] + edges[:-1]) / 2))
    return VarianceDistribution(prior.grid, mixing_weights(likelihood, ITERATIONS, counts / counts.sum()), df)
