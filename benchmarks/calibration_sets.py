"""Null behaviour of the test of gene sets, of the distances between samples and of programs: `python benchmarks/calibration_sets.py`.

Nothing changes between the conditions, and genes of one module vary together between samples. Printed is the share of the sets with p < 0.05 and
0.01: of sets that are modules, and of sets drawn at random; combined over the cell states, and at the node of all cells. Then the same of the permutation test
of the samples, and how often genes whose changes have nothing in common make more than one program.
"""

import numpy as np
from scipy import sparse

from kompot_scverse._stats.gene_sets import set_test
from kompot_scverse._stats.gene_testing import GeneTestSettings
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.neighborhoods import NeighborhoodMoments, fit_neighborhoods, neighborhood_tree
from kompot_scverse._stats.permanova import permanova
from kompot_scverse._stats.programs import find_programs
from kompot_scverse._stats.sample_distances import expression_distances

N_GENES, MODULES, CELLS, STUDIES = 300, 15, 80, 60
SETTINGS = GeneTestSettings(level_trend=False)


def study(seed: int, n_samples: int) -> tuple[NeighborhoodMoments, np.ndarray, SampleDesign, np.ndarray]:
    """Sums, nodes, design and sets: the modules, and as many random ones."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(n_samples), CELLS)
    state = rng.integers(0, 2, len(codes))
    x = rng.normal(size=(len(codes), 3)) * 0.5 + 5 * np.column_stack([state, state, 0 * state])
    module = np.repeat(np.arange(MODULES), N_GENES // MODULES)
    shared, own = rng.normal(size=(n_samples, MODULES)), rng.normal(size=(n_samples, N_GENES))
    log_rate = rng.normal(0.5, 0.5, N_GENES) + 0.25 * (0.8 * shared[:, module] + 0.6 * own)[codes]
    y = np.log1p(rng.poisson(np.exp(log_rate)))
    fitted = fit_neighborhoods(x, 6)
    weights = fitted.weights(x)
    rows = [codes == sample for sample in range(n_samples)]
    moments = NeighborhoodMoments(
        mass=np.array([weights[own_rows].sum(axis=0) for own_rows in rows]),
        gram=np.array([weights[own_rows].T @ weights[own_rows] for own_rows in rows]),
        sums=np.array([weights[own_rows].T @ y[own_rows] for own_rows in rows]),
        squares=weights.T @ y**2,
    )
    random = sparse.random_array((N_GENES, MODULES), density=1 / MODULES, rng=rng).toarray() > 0
    sets = np.hstack([module[:, None] == np.arange(MODULES), random]).astype(float)
    matrix = np.column_stack([np.ones(n_samples), np.arange(n_samples) >= n_samples // 2]).astype(float)
    design = SampleDesign(matrix, np.array([0.0, 1.0]))
    return moments, neighborhood_tree(fitted), design, sets


def p_values(seed: int, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """p of the sets, combined and at the node of all cells."""
    moments, nodes, design, sets = study(seed, n_samples)
    found = set_test(moments, nodes, design, sets, SETTINGS)
    return found.pvalue, found.node_pvalue[-1]


def of_samples(seed: int, n_samples: int) -> float:
    """p of the distances between samples."""
    moments, _, design, _ = study(seed, n_samples)
    return permanova(expression_distances(moments, np.ones(N_GENES, dtype=bool)), design, most=999).pvalue


def n_programs(seed: int, dimensions: int) -> int:
    """Programs of genes whose changes have nothing in common."""
    shapes = np.random.default_rng(seed).normal(size=(200, dimensions))
    return len(np.unique(find_programs(shapes / np.linalg.norm(shapes, axis=1, keepdims=True)).labels))


def main() -> None:
    """Print a line for each number of samples."""
    print("samples  sets     combined <0.05 <0.01   all cells <0.05 <0.01")
    for n_samples in (6, 8, 16):
        found = np.array([p_values(seed, n_samples) for seed in range(STUDIES)])
        for name, sets in (("modules", slice(0, MODULES)), ("random", slice(MODULES, None))):
            shares = [np.nanmean(found[:, of, sets] < level) for of in (0, 1) for level in (0.05, 0.01)]
            print(f"{n_samples:7}  {name:8} {shares[0]:14.3f} {shares[1]:5.3f} {shares[2]:17.3f} {shares[3]:5.3f}")
    print("\nsamples  p of the distances <=0.1 <=0.2 <=0.5")
    for n_samples in (6, 8, 16):
        p = np.array([of_samples(seed, n_samples) for seed in range(3 * STUDIES)])
        print(f"{n_samples:7}  " + " ".join(f"{(p <= level).mean():6.3f}" for level in (0.1, 0.2, 0.5)))
    print("\ndimensions  share of studies with more than one program")
    for dimensions in (5, 20):
        print(f"{dimensions:10}  {np.mean([n_programs(seed, dimensions) > 1 for seed in range(STUDIES)]):.3f}")


if __name__ == "__main__":
    main()
