"""How a fold change of counts changes the mean of log-normalised expression, where many counts are zero."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

RATES = np.geomspace(1e-3, 300.0, 160)
"""Mean counts."""
UNITS = np.geomspace(0.05, 200.0, 40)
"""Values of one count before the logarithm: 5 for 2,000 counts per cell that are scaled to 10,000."""
LOW = 0.5
"""Share of the genes, those of lower level, whose variance is mostly that of counting."""


def poisson_moments(unit: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of log(1 + unit · c) of Poisson counts c with the means ``RATES``."""
    counts = np.arange(int(RATES[-1] + 12 * np.sqrt(RATES[-1])))
    probability = np.exp(xlogy(counts, RATES[:, None]) - RATES[:, None] - gammaln(counts + 1))
    values = np.log1p(unit * counts)
    mean = probability @ values
    return mean, np.maximum(probability @ values**2 - mean**2, 0.0)


def count_unit(level: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    """Value of one count, from the variance between cells of the genes of lower level: that of counting is mean times log(1 + unit).

    Parameters
    ----------
    level
        Mean of the log-normalised expression of each gene.
    noise
        Standard deviation between cells of one state.
    """
    low = np.flatnonzero((level > 0) & (noise > 0) & (level <= np.quantile(level, LOW)))
    if len(low) == 0:
        return 1.0
    excess = []
    for unit in UNITS:
        mean, variance = poisson_moments(unit)
        excess.append(np.median(np.log(noise[low] ** 2 / np.interp(level[low], mean, variance))))
    # falls with the unit
    return float(np.exp(np.interp(0.0, np.array(excess)[::-1], np.log(UNITS)[::-1])))


@dataclass(frozen=True)
class Changed:
    """Genes after their counts have changed."""

    level: NDArray[np.float64]
    """Mean log-normalised expression."""
    noise: NDArray[np.float64]
    """Factor on the standard deviation between cells."""
    slope: NDArray[np.float64]
    """Factor on how much the level moves with the log of the counts, and so on differences between samples."""


def changed_level(level: NDArray[np.float64], lfc: NDArray[np.float64] | float, unit: float) -> Changed:
    """Log-normalised expression after counts change by a factor of exp(lfc).

    Parameters
    ----------
    level
        Mean before; positive.
    lfc
        Log fold change, natural log; broadcasts.
    unit
        From :func:`count_unit`.
    """
    mean, variance = poisson_moments(unit)
    log_rates = np.log(RATES)
    slopes = np.gradient(mean, log_rates)
    before = _log_rate(level, mean)
    after = before + lfc
    spread = _at(before, variance, 0.0)
    return Changed(
        _at(after, mean, 1.0),
        np.sqrt(_at(after, variance, 0.0) / spread),
        _at(after, slopes, 0.0) / _at(before, slopes, 0.0),
    )


def count_shape(level: NDArray[np.float64], unit: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance between cells of log-normalised Poisson counts, and how much their mean moves with the log of the counts.

    Parameters
    ----------
    level
        Mean; positive.
    unit
        From :func:`count_unit`.
    """
    mean, variance = poisson_moments(unit)
    log_rate = _log_rate(level, mean)
    return _at(log_rate, variance, 0.0), _at(log_rate, np.gradient(mean, np.log(RATES)), 0.0)


def _log_rate(level: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of the mean count; below the table the level is proportional to the rate, above to its logarithm."""
    log_rates = np.log(RATES)
    return np.where(
        level < mean[0],
        log_rates[0] + np.log(level / mean[0]),
        np.where(level > mean[-1], log_rates[-1] + level - mean[-1], np.interp(level, mean, log_rates)),
    )


def _at(log_rate: NDArray[np.float64], values: NDArray[np.float64], top: float) -> NDArray[np.float64]:
    """Values of the table; below it in proportion to the rate, above it with a slope in its logarithm."""
    log_rates = np.log(RATES)
    low = values[0] * np.exp(np.minimum(log_rate - log_rates[0], 0))
    high = values[-1] + top * np.maximum(log_rate - log_rates[-1], 0)
    return np.where(
        log_rate < log_rates[0],
        low,
        np.where(log_rate > log_rates[-1], high, np.interp(log_rate, log_rates, values)),
    )
