"""Log ratios of the densities of conditions, estimated directly and not as differences of two densities."""

from typing import Any

import numpy as np
from scipy.special import logsumexp

from kompot_scverse._gp.basis import Basis
from kompot_scverse._gp.progress import progress_bar
from kompot_scverse._gp.ratio import RatioFit, fit_ratio
from kompot_scverse._gp.rough import MAX_CENTERS, rough_basis
from kompot_scverse._gp.sample_ratio import fit_sample_ratio
from kompot_scverse._gp.states import States

from .abundance_estimate import Abundance
from .design import Design
from .neighborhoods import fit_neighborhoods

__all__ = ["fit_rough", "n_rough_centers", "ratio_abundance", "ratio_summary"]

CELLS_PER_CENTER = 10


def n_rough_centers(n_cells: int) -> int:
    """Number of centres of the rough basis: fewer for few cells."""
    return max(1, min(MAX_CENTERS, n_cells // CELLS_PER_CENTER))


def fit_rough(x: np.ndarray) -> Basis:
    """The rough basis over the cells of an analysis."""
    own = x.astype(np.float64)
    # in an order that belongs to the data
    centers = fit_neighborhoods(own[np.lexsort(own.T[::-1])], n_rough_centers(len(own))).centers
    return rough_basis(centers, own)


def ratio_abundance(states: States, design: Design) -> Abundance:
    """Log ratio of every group to the reference, and of every condition to the equal mixture of all."""
    rough = fit_rough(states.x[design.cells])
    phi = np.hstack([states.phi, rough.features(states.x)])
    blocks = np.repeat([0, 1], [states.phi.shape[1], rough.rank])
    n_groups = len(design.groups)
    lfc, variance = np.empty((n_groups, len(phi))), np.empty((n_groups, len(phi)))
    fits = []
    with progress_bar(n_groups, "log ratios", "groups") as advance:
        for number in range(n_groups):
            fit = _fit(phi, blocks, design, number + 1)
            lfc[number], variance[number] = fit.log_ratio(phi), fit.variance(phi)
            fits.append(fit)
            advance(1)
    against_reference = np.concatenate([np.where(np.isnan(lfc[:1]), np.nan, 0.0), lfc])
    mixture = logsumexp(against_reference, axis=0) - np.log(n_groups + 1)
    return Abundance(
        fields=against_reference - mixture,
        lfc=lfc,
        variance=variance,
        params={"rough_rank": rough.rank, "rough_residual": rough.residual},
        null_probability=np.array([fit.null_probability for fit in fits]),
        summaries=[ratio_summary(fit) for fit in fits],
    )


def _fit(phi: np.ndarray, blocks: np.ndarray, design: Design, number: int) -> RatioFit:
    cells = np.isin(design.condition_codes, (0, number))
    rows = phi if cells.all() else phi[cells]
    if design.sample_key is None:
        return fit_ratio(rows, design.condition_codes[cells] == number, blocks)
    samples, codes = np.unique(design.sample_codes[cells], return_inverse=True)
    return fit_sample_ratio(rows, codes, design.sample_conditions[samples] == number, blocks)


def ratio_summary(fit: RatioFit) -> dict[str, Any]:
    """Prior standard deviations of the fields, and the probability that nothing changes."""
    smooth, rough = np.sqrt(fit.amplitudes)
    found: dict[str, Any] = {
        "amplitude_smooth": float(smooth),
        "amplitude_rough": float(rough),
        "null_probability": fit.null_probability,
    }
    if fit.sample_amplitudes is not None:
        smooth, rough = np.sqrt(fit.sample_amplitudes)
        found |= {"amplitude_samples_smooth": float(smooth), "amplitude_samples_rough": float(rough)}
    return found
