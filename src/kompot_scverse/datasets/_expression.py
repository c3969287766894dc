"""Expression on the tree: log mean of each gene as a combination of a few smooth functions, and counts drawn around it.

The log mean of gene g in cell i of sample s is `basis[i] @ coef[s, :, g]`. Profiles, effects of the condition and
effects of the sample all live in `coef`, so that of the matrix cells × genes only one block of cells is dense at a
time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import brentq

from ._manifold import BRANCHES, Positions, bumps, eigenfunctions, ramps

N_SMOOTH = 8  # eigenfunctions that make up the profiles of the genes
N_BRANCHES = len(BRANCHES)
# columns of the basis
CONSTANT = 0
SMOOTH = slice(1, 1 + N_SMOOTH)
RAMPS = slice(SMOOTH.stop, SMOOTH.stop + N_BRANCHES)
BUMPS = slice(RAMPS.stop, RAMPS.stop + N_BRANCHES)
N_BASIS = BUMPS.stop

FRAC_VARIABLE, FRAC_MARKERS = 0.3, 0.06
ROWS_PER_BLOCK = 256  # fixed: the counts depend on it through the seeds


@dataclass(frozen=True)
class Effects:
    """Truth about each gene; `amplitude` has the global log fold change first, then one per branch."""

    amplitude: np.ndarray
    outlier: np.ndarray  # log fold change of the outlying sample, 0 for most genes
    outlier_sample: np.ndarray  # number of that sample, -1 for most genes


def expression_basis(positions: Positions) -> np.ndarray:
    """Return the functions that all log means are made of: constant, eigenfunctions, ramps and bumps of branches."""
    branch, s = positions.branch, positions.s
    smooth, _ = eigenfunctions(branch, s, N_SMOOTH)
    return np.column_stack([np.ones(s.size), smooth, ramps(branch, s), bumps(branch, s)]).astype(np.float32)


def draw_profiles(n_vars: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients (basis × genes) of the genes' profiles, and the branch that each marks (-1: none)."""
    coef = np.zeros((N_BASIS, n_vars))
    coef[CONSTANT] = rng.normal(scale=1.5, size=n_vars)
    # most genes hardly change along the tree; smooth functions weigh more
    scale = np.where(rng.random(n_vars) < FRAC_VARIABLE, 0.5, 0.08)
    weight = 1 / np.sqrt(1 + np.arange(N_SMOOTH))
    weight /= np.linalg.norm(weight)
    coef[SMOOTH] = rng.normal(size=(N_SMOOTH, n_vars)) * weight[:, None] * scale
    marked = np.where(rng.random(n_vars) < FRAC_MARKERS, rng.integers(N_BRANCHES, size=n_vars), -1)
    markers = np.flatnonzero(marked >= 0)
    coef[RAMPS.start + marked[markers], markers] += rng.uniform(1.5, 3.0, size=markers.size)
    return coef, marked


def _balanced_signs(size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return signs that alternate along the order of `size`.

    Up and down then weigh about the same in the total count; else the scaling of each cell to the same total would
    shift every gene.
    """
    signs = np.empty(size.size)
    signs[np.argsort(size)] = rng.choice([-1, 1]) * (-1.0) ** np.arange(size.size)
    return signs


def draw_effects(
    level: np.ndarray, n_de: int, n_local: int, n_outliers: int, *,
    effect_size: float, outlier_size: float, outlier_candidates: np.ndarray, rng: np.random.Generator,
) -> Effects:  # fmt: skip
    """Choose the genes with an effect of the condition, in all cells or one branch, and those with an odd sample."""
    n_vars = level.size
    amplitude = np.zeros((n_vars, 1 + N_BRANCHES))
    order = rng.permutation(n_vars)
    local, everywhere = order[:n_local], order[n_local:n_de]
    for genes, column in ((everywhere, 0), (local, 1 + rng.integers(N_BRANCHES, size=n_local))):
        sizes = effect_size * rng.uniform(0.75, 1.25, size=genes.size)
        amplitude[genes, column] = _balanced_signs(level[genes], rng) * sizes
    outlier, outlier_sample = np.zeros(n_vars), np.full(n_vars, -1)
    if outlier_size > 0:
        genes = order[n_de : n_de + n_outliers]  # all without DE, so that a call of one is a false positive
        outlier[genes] = _balanced_signs(level[genes], rng) * outlier_size
        outlier_sample[genes] = rng.choice(outlier_candidates, size=genes.size)
    return Effects(amplitude, outlier, outlier_sample)


def labelled(codes: np.ndarray, labels: Sequence[str], ordered: bool = False) -> "pd.Categorical[str]":
    """Return a categorical of the labels with these numbers."""
    return pd.Categorical.from_codes(codes, pd.Index(labels), ordered=ordered)


def truth_table(effects: Effects, marked: np.ndarray, labels: list[str], mean_basis: np.ndarray) -> pd.DataFrame:
    """Return what is true of each gene; `mean_basis` is the mean of the effect basis over the cells compared."""
    has_effect = effects.amplitude != 0
    is_local = has_effect[:, 1:].any(axis=1)
    branch = np.where(is_local, has_effect[:, 1:].argmax(axis=1), -1)
    branches = ["none", *BRANCHES]
    n_vars = marked.size
    return pd.DataFrame(
        {
            "is_de": has_effect.any(axis=1),
            "effect_type": labelled(has_effect[:, 0] + 2 * is_local, ["none", "global", "local"]),
            "effect_branch": labelled(branch + 1, branches),
            "true_lfc_mean": effects.amplitude @ mean_basis,
            "is_sample_outlier": effects.outlier_sample >= 0,
            "outlier_sample": labelled(effects.outlier_sample + 1, ["none", *labels]),
            "marker_of": labelled(marked + 1, branches),
        },
        index=[f"Gene{g + 1:0{max(4, len(str(n_vars)))}d}" for g in range(n_vars)],
    )


def sample_coefficients(
    profile: np.ndarray, effects: Effects, fraction: np.ndarray, sample_effect: float, rng: np.random.Generator, *,
    donors: np.ndarray | None = None, share: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """Return coefficients (samples × basis × genes): profile, the condition's effect, and the sample's own deviation.

    `fraction` is 0 for samples of the reference and 1 for those of the group. The effect is centred: the reference gets
    minus half of it and the group plus half, which keeps the total counts of both alike. Samples of one of the `donors`
    have the `share` of the variance of their deviations in common.
    """
    n_smooth = 3
    of_donors = {}
    if donors is not None:
        of_donors = {one: rng.normal(size=(1 + n_smooth, profile.shape[1])) for one in np.unique(donors)}
    coef = np.repeat(profile[None].astype(np.float32), fraction.size, axis=0)
    for s, centred in enumerate(fraction - 0.5):
        coef[s, CONSTANT] += centred * effects.amplitude[:, 0]
        coef[s, BUMPS] += centred * effects.amplitude[:, 1:].T
        # half of the variance is an offset, half varies smoothly along the tree
        deviation = rng.normal(size=(1 + n_smooth, profile.shape[1]))
        if donors is not None:
            deviation = np.sqrt(1 - share) * deviation + np.sqrt(share) * of_donors[donors[s]]
        deviation *= sample_effect * np.sqrt(0.5)
        coef[s, CONSTANT] += deviation[0] + np.where(effects.outlier_sample == s, effects.outlier, 0)
        coef[s, SMOOTH][:n_smooth] += deviation[1:] / np.sqrt(n_smooth)
    return coef


def log_means(basis: np.ndarray, coef: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return the log means (cells × genes) of a block of cells."""
    result = np.empty((sample.size, coef.shape[2]), dtype=np.float32)
    for s in np.unique(sample):
        rows = np.flatnonzero(sample == s)
        result[rows] = basis[rows] @ coef[s]
    return result


def base_means(basis: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Return the mean count of each gene at size factor 1, over at most 1,000 cells, without effects."""
    some = basis[:1000]  # cells come in random order
    return np.exp(some @ profile.astype(np.float32)).mean(axis=0, dtype=np.float64)


def level_for_density(
    density: float, basis: np.ndarray, coef: np.ndarray, sample: np.ndarray, size_factor: np.ndarray,
    dispersion: np.ndarray, rng: np.random.Generator,
) -> float:  # fmt: skip
    """Return what to add to all log means for the expected share of non-zero counts to be `density`."""
    cells = rng.permutation(sample.size)[:400]
    genes = rng.permutation(dispersion.size)[:1000]
    eta = log_means(basis[cells], coef[:, :, genes], sample[cells]) + np.log(size_factor[cells])[:, None]
    phi = dispersion[genes]

    def excess(level: float) -> float:
        zeros = np.exp(-np.log1p(phi * np.exp(level + eta, dtype=np.float64)) / phi)
        return 1 - zeros.mean() - density

    return brentq(excess, -30, 30, xtol=1e-4)


def draw_counts(
    basis: np.ndarray, coef: np.ndarray, sample: np.ndarray, size_factor: np.ndarray, dispersion: np.ndarray,
    rng: np.random.Generator,
) -> sparse.csr_matrix:  # fmt: skip
    """Draw negative binomial counts, as gamma-Poisson, in blocks of cells."""
    shape = (1 / dispersion).astype(np.float32)
    n_obs = sample.size
    starts = range(0, n_obs, ROWS_PER_BLOCK)
    blocks = []
    # a seed of its own for every block, so that blocks can be drawn in any order
    for start, seed in zip(starts, rng.integers(2**63, size=len(starts)), strict=True):
        rows = slice(start, min(start + ROWS_PER_BLOCK, n_obs))
        block_rng = np.random.default_rng(seed)
        rate = log_means(basis[rows], coef, sample[rows])
        np.exp(rate, out=rate)
        rate *= size_factor[rows, None] / shape
        rate *= block_rng.standard_gamma(shape, size=rate.shape, dtype=np.float32)
        blocks.append(sparse.csr_matrix(block_rng.poisson(rate).astype(np.float32)))
    return sparse.vstack(blocks, format="csr")


def log_normalize(counts: sparse.csr_matrix, target_sum: float = 1e4) -> sparse.csr_matrix:
    """Return log(1 + counts scaled to `target_sum` per cell), with the same non-zero entries."""
    totals = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    scale = target_sum / np.maximum(totals, 1)  # a cell without counts stays empty
    data = np.log1p(counts.data * np.repeat(scale, np.diff(counts.indptr)))
    return sparse.csr_matrix((data.astype(np.float32), counts.indices.copy(), counts.indptr.copy()), shape=counts.shape)
