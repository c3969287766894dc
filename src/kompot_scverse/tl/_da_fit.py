"""Second step of `kp.tl.da`: the estimate at every cell, and the neighbourhoods of the replicate test."""

from dataclasses import dataclass

from kompot_scverse._stats.abundance_estimate import Abundance
from kompot_scverse._stats.log_density import density_abundance
from kompot_scverse._stats.log_effects import effects_abundance
from kompot_scverse._stats.log_ratio import ratio_abundance
from kompot_scverse._stats.neighborhoods import ABUNDANCE_WIDTH
from kompot_scverse._stats.sample_tests import CellWeights, cell_weights

from ._steps import Job


@dataclass(frozen=True)
class DAFit:
    """What the results come from."""

    estimate: Abundance
    weights: CellWeights | None
    """Neighbourhoods of the replicate test; None without replicates."""


def fit(job: Job) -> DAFit:
    """Estimate log ratios or log densities, by the method asked for."""
    design, request = job.task.design, job.request
    if design.formula is not None:
        estimate = effects_abundance(job.states, design)
    elif request.method == "ratio":
        estimate = ratio_abundance(job.states, design)
    else:
        estimate = density_abundance(job.states, design, request.normalize or "mass")
    if job.task.contrasts is None:
        return DAFit(estimate, None)
    return DAFit(estimate, cell_weights(job.states.x, design, request.test.n_neighborhoods, ABUNDANCE_WIDTH))
