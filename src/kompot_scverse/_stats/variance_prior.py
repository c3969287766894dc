"""Prior of the residual variances along a trend, as limma has it."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq

from .running_median import running_median

MAX_PRIOR_DF = 1e6
"""Stands for infinite prior degrees of freedom, where arithmetic would give inf/inf."""
WINSORISED = (0.05, 0.9)
"""Quantiles of the log variances beyond which they are set to the quantile, as in limma."""
LOG_PRIOR_DF = (float(np.log(0.1)), float(np.log(1e4)))
"""Range of the logarithm of the prior degrees of freedom; beyond it they are as good as infinite."""
GENES_PER_BIN, MAX_BINS = 40, 40
"""Genes whose median gives one point of the trend, and points at most."""


@dataclass(frozen=True)
class VariancePrior:
    """Scaled inverse χ² prior of the variances."""

    variance: NDArray[np.float64]
    """Prior variance s₀², per gene."""
    df: NDArray[np.float64]
    """Prior degrees of freedom d₀, per gene; smaller for outliers."""


def fit_f_dist(
    variance: NDArray[np.float64], df: int, covariate: NDArray[np.float64], reference: NDArray[np.bool_] | None = None
) -> VariancePrior:
    r"""Fit :math:`s_g^2 \sim s_0^2(\text{covariate}) F_{d, d_0}` (limma's ``fitFDist``, Smyth 2004), robustly.

    Mean and variance of :math:`\log s^2` around the trend are matched, both winsorised (5 % below, 10 % above) and
    compared with the equally winsorised F distribution. Genes more variable than that explains get smaller prior degrees
    of freedom (Phipson et al. 2016, with outlier degrees of freedom 0).

    Parameters
    ----------
    variance
        Residual variances, positive, per gene.
    df
        Their degrees of freedom d.
    covariate
        What the trend depends on, per gene.
    reference
        Genes that the prior is learnt from; None for all.
    """
    known = np.ones(len(variance), dtype=bool) if reference is None else reference
    if known.sum() < 3:
        # nothing to learn a spread from
        return VariancePrior(variance, np.zeros(len(variance)))
    log = np.log(variance)
    trend = variance_trend(covariate, log, known)
    residual = (log - trend)[known]
    residual = np.clip(residual, *np.quantile(residual, WINSORISED))

    mean_of, variance_of = _winsorised_log_f(df)
    if residual.var() <= variance_of(LOG_PRIOR_DF[1]):
        log_df = LOG_PRIOR_DF[1]
        prior_df = MAX_PRIOR_DF
    else:
        # the variance falls with the degrees of freedom
        least = residual.var() >= variance_of(LOG_PRIOR_DF[0])
        log_df = LOG_PRIOR_DF[0] if least else brentq(lambda x: float(variance_of(x)) - residual.var(), *LOG_PRIOR_DF)
        prior_df = float(np.exp(log_df))
    prior = np.exp(trend + residual.mean() - mean_of(log_df))
    tail = stats.f.sf(variance / prior, df, prior_df)
    sorted_tail = np.sort(tail[known])
    expected = (np.arange(len(sorted_tail)) + 0.5) / len(sorted_tail)
    inlier = np.maximum.accumulate(np.minimum(sorted_tail / expected, 1))
    # of a gene that is not among them, that of the next less extreme one
    place = np.searchsorted(sorted_tail, tail).clip(max=len(sorted_tail) - 1)
    return VariancePrior(prior, prior_df * inlier[place])


@cache
def _winsorised_log_f(df: int) -> tuple[PchipInterpolator, PchipInterpolator]:
    """Mean and variance of the winsorised logarithm of F as functions of the log of its second degrees of freedom."""
    grid = np.linspace(*LOG_PRIOR_DF, 60)
    # 400 quantiles stand for the distribution, whose moments have no closed form
    levels = np.clip((np.arange(400) + 0.5) / 400, *WINSORISED)
    log = np.log(stats.f.ppf(levels, df, np.exp(grid)[:, None]))
    return PchipInterpolator(grid, log.mean(axis=1)), PchipInterpolator(grid, log.var(axis=1))


def variance_trend(
    covariate: NDArray[np.float64], log_variance: NDArray[np.float64], reference: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Running median of the log variances of the reference genes along the covariate, at all genes."""
    known = covariate[reference]
    bins = min(len(known) // GENES_PER_BIN, MAX_BINS)
    return running_median(known, log_variance[None, reference], bins, covariate)[0]
