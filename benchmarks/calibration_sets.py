"""Null behaviour of the test of gene sets, of the distances between samples and of programs: `python benchmarks/calibration_sets.py`.

Simulated first: nothing changes between the conditions, and genes of one module vary together between samples. Printed is the share of the sets with p < 0.05
and 0.01: of sets that are modules, and of sets drawn at random; combined over the cell states, and at the node of all cells. Then the power for a module
that changes in one of two cell states. Then the null on real cells with random conditions of the samples, where the development data are there. Then the
permutation test of the samples. Last, programs: of studies in which nothing changes, and of genes whose changes have nothing in common.

`--only` takes some of the parts.
"""

import numpy as np
from calibration_data import DATA
from calibration_permuted import KINDS, permuted
from calibration_permuted import STUDIES as PERMUTED
from parts import run_parts
from power import DESIGN, draw
from scipy import sparse

import kompot_scverse as kp
from kompot_scverse._stats.gene_sets import set_test
from kompot_scverse._stats.gene_testing import GeneTestSettings
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.neighborhoods import NeighborhoodMoments, fit_neighborhoods, neighborhood_tree
from kompot_scverse._stats.permanova import permanova
from kompot_scverse._stats.programs import find_programs
from kompot_scverse._stats.sample_distances import expression_distances

N_GENES, MODULES, CELLS, STUDIES = 300, 15, 80, 60
SETTINGS = GeneTestSettings(level_trend=False)
CHANGES = (0.25, 0.5)
"""Log fold changes of the module that changes."""
NULL_STUDIES, NAMED = 10, 60


def study(
    seed: int, n_samples: int, change: float = 0.0
) -> tuple[NeighborhoodMoments, np.ndarray, SampleDesign, np.ndarray]:
    """Sums, nodes, design and sets: the modules, of which the first changes in one of two states, and as many random ones."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(n_samples), CELLS)
    state = rng.integers(0, 2, len(codes))
    x = rng.normal(size=(len(codes), 3)) * 0.5 + 5 * np.column_stack([state, state, 0 * state])
    module = np.repeat(np.arange(MODULES), N_GENES // MODULES)
    shared, own = rng.normal(size=(n_samples, MODULES)), rng.normal(size=(n_samples, N_GENES))
    log_rate = rng.normal(0.5, 0.5, N_GENES) + 0.25 * (0.8 * shared[:, module] + 0.6 * own)[codes]
    log_rate[:, module == 0] += change * ((codes >= n_samples // 2) & (state == 1))[:, None]
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


def p_values(seed: int, n_samples: int, change: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """p of the sets, combined and at the node of all cells."""
    moments, nodes, design, sets = study(seed, n_samples, change)
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


def null_programs(seed: int) -> tuple[bool, int]:
    """Of a study in which nothing changes: whether programs are made of its calls, and how many of the most significant genes if named."""
    adata = draw(seed, 4)
    kp.tl.de(adata, "condition", **DESIGN)
    try:
        kp.tl.programs(adata)
        made = True
    except ValueError:
        made = False
    kp.tl.programs(adata, genes=kp.get.de_df(adata).index[:NAMED].to_list())
    return made, len(kp.get.programs(adata))


def sets() -> None:
    """Simulated sets."""
    print("samples  sets     combined <0.05 <0.01   all cells <0.05 <0.01")
    for n_samples in (6, 8, 16):
        found = np.array([p_values(seed, n_samples) for seed in range(STUDIES)])
        for name, own in (("modules", slice(0, MODULES)), ("random", slice(MODULES, None))):
            shares = [np.nanmean(found[:, of, own] < level) for of in (0, 1) for level in (0.05, 0.01)]
            print(
                f"{n_samples:7}  {name:8} {shares[0]:14.3f} {shares[1]:5.3f} {shares[2]:17.3f} {shares[3]:5.3f}",
                flush=True,
            )


def power_of_sets() -> None:
    """Of the module that changes."""
    print("\nsamples  change  power at <0.05 <0.001")
    for n_samples in (6, 8, 16):
        for change in CHANGES:
            p = np.array([p_values(seed, n_samples, change)[0][0] for seed in range(STUDIES // 2)])
            print(f"{n_samples:7} {change:7} {(p < 0.05).mean():15.2f} {(p < 0.001).mean():6.2f}", flush=True)


def permuted_conditions() -> None:
    """Real sets."""
    if not DATA.is_dir():
        print(f"\nNo data in {DATA}: conditions of real samples are not permuted.")
        return
    print("\ndata       samples  " + "".join(f"{kind:>10} <0.05 <0.01" for kind in KINDS))
    for name, n_samples in PERMUTED:
        found = permuted(name, n_samples)
        shares = [[np.nanmean(p < level) for level in (0.05, 0.01)] for p in found.values()]
        print(f"{name:10} {n_samples:7}  " + "".join(f"{one:16.3f} {two:5.3f}" for one, two in shares), flush=True)


def samples() -> None:
    """Distances between samples."""
    print("\nsamples  p of the distances <=0.1 <=0.2 <=0.5")
    for n_samples in (6, 8, 16):
        p = np.array([of_samples(seed, n_samples) for seed in range(3 * STUDIES)])
        print(f"{n_samples:7}  " + " ".join(f"{(p <= level).mean():6.3f}" for level in (0.1, 0.2, 0.5)), flush=True)


def programs() -> None:
    """Groups of genes."""
    found = [null_programs(seed) for seed in range(NULL_STUDIES)]
    print(f"\nstudies without change that have programs: {sum(made for made, _ in found)} of {NULL_STUDIES}")
    print(f"programs of their {NAMED} most significant genes, up and down: {sorted(n for _, n in found)}")
    print("dimensions  share of studies with more than one program of genes that have nothing in common")
    for dimensions in (5, 20):
        print(f"{dimensions:10}  {np.mean([n_programs(seed, dimensions) > 1 for seed in range(STUDIES)]):.3f}")


if __name__ == "__main__":
    run_parts(__doc__, sets, power_of_sets, permuted_conditions, samples, programs)
