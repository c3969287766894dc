"""Log ratios of the densities of conditions, estimated directly and not as differences of two densities."""

from typing import Any

import numpy as np
from scipy.special import logsumexp

from kompot_scverse._gp.progress import progress_of_passes
from kompot_scverse._gp.ratio import RatioFit, fit_ratio
from kompot_scverse._gp.sample_ratio import fit_sample_ratio
from kompot_scverse._gp.states import States

from .abundance_estimate import Abundance
from .design import Design
from .ratio_features import Features, RatioFeatures

PASSES, PASSES_WITH_SAMPLES = 10, 45
"""Passes over the cells that a fit usually takes, for the progress."""
SIDES = np.array([[-0.5], [0.5]])
"""Design of two conditions."""


def ratio_abundance(states: States, design: Design) -> Abundance:
    """Log ratio of every group to the reference, and of every condition to the equal mixture of all."""
    features = RatioFeatures.of(states, design.cells)
    shape = (len(design.groups), len(states.x))
    lfc, variance = np.empty(shape), np.empty(shape)
    fits = []
    passes = PASSES if design.sample_key is None else PASSES_WITH_SAMPLES
    with progress_of_passes(passes * shape[0] * int(design.cells.sum()), "log ratios"):
        for number in range(shape[0]):
            fit, own = _fit(features, design, number + 1)
            lfc[number], variance[number] = fit.at(own.cells)
            fits.append(fit)
    against_reference = np.concatenate([np.where(np.isnan(lfc[:1]), np.nan, 0.0), lfc])
    mixture = logsumexp(against_reference, axis=0) - np.log(shape[0] + 1)
    return Abundance(
        fields=against_reference - mixture,
        lfc=lfc,
        variance=variance,
        params={"rough_rank": features.rough.rank, "rough_residual": features.rough.residual},
        null_probability=np.array([fit.null_probability for fit in fits]),
        summaries=[ratio_summary(fit) for fit in fits],
    )


def _fit(features: RatioFeatures, design: Design, number: int) -> tuple[RatioFit, Features]:
    cells = np.isin(design.condition_codes, (0, number))
    codes = np.full(len(cells), -1, dtype=np.intp)
    if design.sample_key is None:
        codes[cells] = design.condition_codes[cells] == number
        return fit_two(features, codes, np.array([False, True]), samples=False)
    samples, codes[cells] = np.unique(design.sample_codes[cells], return_inverse=True)
    return fit_two(features, codes, design.sample_conditions[samples] == number, samples=True)


def fit_two(
    features: RatioFeatures, codes: np.ndarray, late: np.ndarray, *, samples: bool
) -> tuple[RatioFit, Features]:
    """
    The log ratio of two conditions.

    Parameters
    ----------
    features
        Of the analysis.
    codes
        Number of the sample of every cell, negative for cells that take no part.
    late
        Whether each sample is of the second condition.
    samples
        Whether samples differ by fields of their own.
    """
    own = features.choose(codes, SIDES[late.astype(np.intp)])
    taking_part = codes >= 0
    cells = own.cells.chosen(taking_part, codes[taking_part])
    if samples:
        fit = fit_sample_ratio(cells, cells.codes, late, own.blocks, log_odds_change=own.log_odds_change)
    else:
        fit = fit_ratio(cells, late, own.blocks, log_odds_change=own.log_odds_change)
    return fit, own


def ratio_summary(fit: RatioFit) -> dict[str, Any]:
    """Prior standard deviations of the fields, the regions with a level of their own, and the probability that nothing changes."""
    smooth, rough = np.sqrt(fit.amplitudes[:2])
    found: dict[str, Any] = {
        "amplitude_smooth": float(smooth),
        "amplitude_rough": float(rough),
        "n_regions": int(np.count_nonzero(fit.amplitudes[2:])),
        "null_probability": fit.null_probability,
    }
    if fit.sample_amplitudes is not None:
        smooth, rough = np.sqrt(fit.sample_amplitudes[:2])
        found |= {"amplitude_samples_smooth": float(smooth), "amplitude_samples_rough": float(rough)}
    return found
