"""Log densities of conditions and samples from nearest-neighbour distances (mellon's model), and their differences."""

from dataclasses import dataclass

import numpy as np

from kompot_scverse._gp.density import DensityFit, fit_density
from kompot_scverse._gp.mellon import prior_log_density
from kompot_scverse._gp.neighbor_sets import NeighborSets
from kompot_scverse._gp.neighbors import fractal_dimension
from kompot_scverse._gp.progress import progress_bar
from kompot_scverse._gp.states import States

from .abundance import mass_offsets
from .abundance_estimate import Abundance
from .design import Design


def density_abundance(states: States, design: Design, normalize: str) -> Abundance:
    """Log densities of the conditions, and their differences."""
    prior = shared_prior(states, design)
    densities, variances = condition_densities(states, design, prior, normalize)
    return Abundance(
        fields=densities,
        lfc=densities[1:] - densities[0],
        variance=variances[1:] + variances[0],
        params={
            "normalize": normalize,
            "d": prior.d,
            "mu": prior.mu - prior.log_unit,
            "neighbors": _neighbors(states).source,
            "neighbors_error": [float(f"{error:.2g}") for error in _neighbors(states).error],
        },
    )


@dataclass(frozen=True)
class Prior:
    """What all densities of a call share, estimated on the pooled cells."""

    d: float
    """Dimensionality of the cell-state manifold."""
    mu: float
    """Prior mean of the log density of all pooled cells, in the frame of the cell states."""
    n: int
    """Number of pooled cells."""
    log_unit: float
    """Log volume of a unit of the frame in units of the representation, which densities are per."""


def shared_prior(states: States, design: Design) -> Prior:
    distances = _neighbors(states).pooled
    if not distances.any():
        raise ValueError(f"All cells of the analysis are identical in obsm[{states.use_rep!r}]; they have no density.")
    d = fractal_dimension(states.x[design.cells])
    return Prior(d, prior_log_density(distances, d), len(distances), d * np.log(states.model.frame.scale))


def _neighbors(states: States) -> NeighborSets:
    found = states.model.neighbors
    assert found is not None  # all distances were asked for
    return found


def condition_densities(states: States, design: Design, prior: Prior, normalize: str) -> tuple[np.ndarray, np.ndarray]:
    """Log density of each condition at every cell, and its variance: conditions × cells."""
    names = [f"condition {condition!r}" for condition in design.conditions]
    # replicates first: an error about them should not wait for the conditions
    between = None if design.sample_key is None else _between_samples(states, design, prior, normalize)
    fits, densities = _normalized_densities(states, design.cells, design.condition_codes, names, prior, normalize)
    phi = states.model.basis.features(states.x)
    variances = np.stack([fit.variance(phi) for fit in fits])
    return densities, variances if between is None else variances + between


def _between_samples(states: States, design: Design, prior: Prior, normalize: str) -> np.ndarray:
    """Variance of the log density between the replicates of each condition, at every cell: conditions × cells."""
    usable = np.flatnonzero(design.usable)
    renumbered = np.full(len(design.samples) + 1, -1)
    renumbered[usable] = np.arange(len(usable))
    # code -1 (takes no part) finds the last entry, which is -1
    codes = renumbered[design.sample_codes]
    of_condition = design.sample_conditions[usable]
    names = [
        f"sample {design.samples[sample]!r} ({design.conditions[design.sample_conditions[sample]]})"
        for sample in usable
    ]
    _, densities = _normalized_densities(states, design.cells, codes, names, prior, normalize)
    conditions = range(len(design.conditions))
    return np.stack([densities[of_condition == condition].var(axis=0, ddof=1) for condition in conditions])


def _normalized_densities(
    states: States, cells: np.ndarray, codes: np.ndarray, names: list[str], prior: Prior, normalize: str
) -> tuple[list[DensityFit], np.ndarray]:
    """
    Density of each set of cells, from its own cells.

    Parameters
    ----------
    states
        Cell states and basis.
    cells
        Which cells are pooled.
    codes
        Number of the set of every cell, -1 for none.
    names
        What each set is called in errors.
    prior
        What the densities share.
    normalize
        "mass" or "count".

    Returns
    -------
    The fits, and the normalised log densities at every cell, per unit of the representation: sets × cells.
    """
    members = [np.flatnonzero(codes == number) for number in range(len(names))]
    sizes = np.array([len(own) for own in members])
    pooled, x = np.cumsum(cells) - 1, states.x[cells]
    distances = [_neighbors(states).within(x, pooled[own]) for own in members]
    for name, found in zip(names, distances, strict=True):
        if not found.any():
            raise ValueError(
                f"All cells of {name} are identical in obsm[{states.use_rep!r}]; they have no density. "
                "Pass another representation as `use_rep=`, or leave them out with `mask_obs=`."
            )
    phi = states.model.basis.features(states.x)
    fits, densities = [], np.empty((len(names), len(states.x)))
    with progress_bar(int(sizes.sum()), "densities", "cells") as advance:
        for number, own in enumerate(members):
            mu = prior.mu + np.log(len(own) / prior.n)
            fits.append(fit_density(phi[own], distances[number], prior.d, mu))
            densities[number] = fits[number].log_density(phi) - np.log(len(own))
            advance(len(own))
    if normalize == "mass":
        densities += mass_offsets(densities[:, codes >= 0], sizes)[:, None]
    return fits, densities - prior.log_unit
