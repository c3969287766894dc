"""What an analysis takes in each of its stages: operations from sizes, seconds from how fast this machine is."""

from dataclasses import dataclass

import numpy as np

from kompot_scverse._gp.basis import MAX_CANDIDATES
from kompot_scverse._gp.model import n_queries
from kompot_scverse._gp.multinomial import MAX_CELLS
from kompot_scverse._gp.neighbor_choice import LARGE
from kompot_scverse._gp.neighbor_index import has_faiss
from kompot_scverse._gp.neighbors import MAX_LOOKED_AT
from kompot_scverse._stats.neighborhoods import MAX_CELLS_FOR_CENTERS
from kompot_scverse._stats.support import CELLS_PER_NEIGHBORHOOD, MAX_NEIGHBORHOODS

from .cost import Sizes
from .machine import Machine

CONSTANT, OF_ABUNDANCE, OF_TESTS = 0.1, 0.06, 0.2
"""Seconds of a call on hardly any data, and further ones of log ratios and of the test of genes."""
PAIR, PAIR_OF_SOME = 3.2, 1.3
"""Elementwise operations of a pair of cells, in the search of the nearest ones of all cells and of some; beside those of the distance."""
LISTS_SEARCHED = 75
"""Cells that an index compares each cell with, in units of the square root of their number."""
GROWING = 6
"""Operations of a product for each of the pivots that are there, whose rows do not fit into the cache."""
KERNEL = 12
"""Elementwise operations of a covariance."""
ASSIGNED, PLACED = 17, 150
"""Elementwise operations of the weight of a cell in a neighbourhood, and of placing the neighbourhoods by k-means."""
VALUE = 12
"""Elementwise operations of a stored value, whatever it is multiplied with: checks, blocks, order."""
STORED = 16
"""The same of reading it from a file."""
EVIDENCE, EVIDENCE_SAMPLES = 2000.0, 5000.0
"""Elementwise operations of a gene and a feature: the likelihoods of all variance ratios, and the averages."""
GENE = 15_000.0
"""Elementwise operations of a gene whatever the rank."""
EIGEN, EIGEN_SAMPLES = 120.0, 400.0
"""Products of rank × rank matrices, of all variance ratios."""
VARIANCES = 3
"""Covariances that the posterior variances of a function are stored by."""
FOLD_CHANGES = 2
"""How often the fold changes of all genes are computed at all cells, for what a gene is summed up in."""
TEST, TEST_OF_CELLS = 9000.0, 25_000.0
"""Elementwise operations of the test of a gene in a neighbourhood, and without samples of the test of a gene."""
NEWTON, SCALED, REGIONS = 8, 5, 30
"""Passes over the cells of a log ratio, elementwise operations of a feature in each, and products of rank × rank matrices for its
amplitudes and regions."""
SAMPLE_PASSES, OF_SAMPLES, CHOICES = 25, 30, 3
"""Further passes with fields of samples, products of rank × rank matrices for each of them, and how often their information is summed."""
PROBABILITY = 40
"""Elementwise operations of the probability that a cell is of a sample, with the levels of the samples."""
DENSITY = 12
"""Passes over the cells of a density."""


@dataclass(frozen=True)
class Work:
    """One step."""

    stage: str
    """One of basis, reading, null genes, fitting, results."""
    what: str
    seconds: float
    """Of one core."""
    parallel: bool = True
    """Whether all cores share it."""


def seconds(s: Sizes, machine: Machine) -> dict[str, float]:
    """
    Seconds of every stage on an idle machine.

    Parameters
    ----------
    s
        Sizes of the analysis.
    machine
        From :func:`.machine.calibrate`.
    """
    found: dict[str, float] = {}
    for work in work_items(s, machine):
        share = work.seconds / (machine.cores if work.parallel else 1)
        found[work.stage] = found.get(work.stage, 0.0) + share
    return found


def core_seconds(s: Sizes, machine: Machine) -> float:
    """Seconds of all cores together: what a busy machine needs, too."""
    return sum(work.seconds for work in work_items(s, machine))


def work_items(s: Sizes, machine: Machine) -> list[Work]:
    """
    The steps that take time.

    Parameters
    ----------
    s
        Sizes of the analysis.
    machine
        From :func:`.machine.calibrate`.
    """
    c, n, r, d = s.n_cells, s.n_obs, s.rank, s.n_dims
    dense, element = machine.dense, machine.element
    pairs = _pairs(s)
    candidates = min(c, MAX_CANDIDATES)
    features = _features(r, d, machine)
    items = [
        Work("basis", "constant", CONSTANT, parallel=False),
        Work("basis", "neighbours", pairs * ((PAIR if s.all_neighbors else PAIR_OF_SOME) * element + d * dense)),
        Work("basis", "pivots", candidates * r * (2 * KERNEL * element + GROWING * r * dense), parallel=False),
        Work("basis", "residual", c * features if c > MAX_CANDIDATES else 0.0),
    ]
    items += _abundance(s, machine, features) if s.n_genes == 0 else _expression(s, machine, features)
    if s.n_layers:
        items.append(Work("results", "layers", s.n_layers * n * s.n_all_genes * (r * dense + 2 * element)))
    return [item for item in items if item.seconds > 0]


def _pairs(s: Sizes) -> float:
    """Pairs of cells that are compared for nearest neighbours."""
    c = float(s.n_cells)
    if not s.all_neighbors:
        return (n_queries(s.n_cells) + min(s.n_cells, MAX_LOOKED_AT)) * c
    if c > LARGE and has_faiss():
        return c * LISTS_SEARCHED * np.sqrt(c)
    sets = [s.n_conditions, *([s.n_samples] if s.replicates else [])]
    return c**2 + sum(c**2 / n_sets for n_sets in sets)


def _features(rank: int, n_dims: int, machine: Machine) -> float:
    """Seconds of the features of a cell."""
    return rank * (KERNEL * machine.element + n_dims * machine.dense) + rank**2 / 2 * machine.dense


def _neighborhoods(s: Sizes, m: float, passes: int, machine: Machine) -> float:
    """Seconds of placing `m` neighbourhoods, and of the weights of all cells in some passes."""
    placed = min(s.n_cells, MAX_CELLS_FOR_CENTERS) * m * PLACED
    return (placed + passes * s.n_obs * m * ASSIGNED) * machine.element


def _abundance(s: Sizes, machine: Machine, features: float) -> list[Work]:
    c, dense, element = s.n_cells, machine.dense, machine.element
    both = s.rank + s.n_rough
    groups = max(s.n_conditions - 1, 1)
    if not s.n_rough:
        sets = s.n_conditions + (s.n_samples if s.replicates else 0)
        cells = c * (2 if s.replicates else 1)
        found = [
            Work("results", "features", s.n_obs * features),
            Work("fitting", "densities", DENSITY * cells * (both**2 * dense + 8 * both * element)),
            Work("results", "values", sets * s.n_obs * both * dense),
            Work("results", "variances", s.n_conditions * s.n_obs * both**2 * dense),
        ]
    else:
        passes = groups * c * both**2 * dense
        found = [
            Work("basis", "rough neighbourhoods", _neighborhoods(s, s.n_rough, 1, machine)),
            Work("fitting", "constant", OF_ABUNDANCE, parallel=False),
            Work("fitting", "features", (s.n_obs + c) * _features(both, s.n_dims, machine)),
            Work("fitting", "log ratios", NEWTON * (passes + SCALED * groups * c * both * element)),
            Work("fitting", "amplitudes", groups * REGIONS * both**3 * dense),
            Work("results", "variances", groups * s.n_obs * both**2 * dense),
        ]
        if s.replicates:
            own = c * both * s.n_samples * dense + PROBABILITY * c * s.n_samples * element
            of_sample = (OF_SAMPLES * both + CHOICES * min(c, MAX_CELLS)) * both**2 * dense
            found.append(Work("fitting", "fields of samples", SAMPLE_PASSES * groups * own))
            found.append(Work("fitting", "their amplitudes", groups * s.n_samples * of_sample))
    if s.n_weights:
        found.append(Work("results", "neighbourhoods", _neighborhoods(s, s.n_weights, 1, machine)))
    return found


def _expression(s: Sizes, machine: Machine, features: float) -> list[Work]:
    g, r, c = s.n_genes, s.rank, s.n_cells
    dense, sparse, element = machine.dense, machine.sparse if s.density < 1 else machine.dense, machine.element
    values, tested = c * (g + s.n_null) * s.density, c * s.n_tested * s.density
    from_file = STORED if s.in_file else 0
    functions = 2 * s.n_conditions - 1
    of_fit, of_test = (len(blocks) for blocks in s.passes)
    of_fit += of_fit > 1
    support = min(max(c // max(s.n_conditions, 1) // CELLS_PER_NEIGHBORHOOD, 1), MAX_NEIGHBORHOODS)
    found = [
        Work("reading", "features", s.n_obs * features),
        Work("reading", "sums", values * (of_fit * (VALUE + from_file) * element + r * sparse)),
        # once more for what the run records of the expression
        Work("results", "fingerprint", c * s.n_all_genes * s.density * (VALUE + from_file) * element),
        Work("fitting", "sums of features", s.n_obs * r**2 * dense),
        Work("results", "support", _neighborhoods(s, support, 2, machine)),
        Work("results", "fold changes", FOLD_CHANGES * g * s.n_obs * (r * dense + element)),
    ]
    if s.estimated:
        per_gene, eigen = (EVIDENCE_SAMPLES, EIGEN_SAMPLES) if s.replicates else (EVIDENCE, EIGEN)
        found += [
            Work("fitting", "likelihoods", (g + s.n_null) * (GENE + per_gene * r) * element),
            Work("fitting", "variance ratios", eigen * r**3 * dense),
            Work("results", "variances", VARIANCES * functions * s.n_obs * r**2 * dense),
        ]
    else:
        # rotations of coefficients of all conditions, and samples by themselves
        sets = 2 * s.n_conditions**2 + 2 + (s.n_samples if s.replicates else 0)
        found.append(Work("fitting", "posteriors", (g + s.n_null) * sets * 2 * r**2 * dense))
    if s.replicates:
        found += [
            Work("reading", "neighbourhoods", _neighborhoods(s, s.n_weights, 2, machine)),
            Work(
                "reading",
                "sums of samples",
                tested * (of_test * (3 * VALUE + from_file) * element + 2 * s.n_weights * sparse),
            ),
            Work("results", "constant", OF_TESTS, parallel=False),
            Work("results", "tests", s.n_tested * s.n_weights * TEST * element),
        ]
    else:
        found.append(Work("results", "tests of cells", g * TEST_OF_CELLS * element, parallel=False))
    return found
