"""Null genes: real genes whose values, or residuals, are shuffled over the cells."""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from kompot_scverse._gp.features import Features

SHARED = 20
"""Null genes that share one permutation of the cells."""
BATCH_VALUES = 4_000_000
"""Values that are shuffled at a time: their places take several times their memory."""


def choose_null_genes(n_genes: int, n_null: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of the genes to shuffle: without repeats where there are enough of them."""
    return rng.choice(n_genes, n_null, replace=n_null > n_genes)


def draw_permutations(cells: np.ndarray, order: np.ndarray, n_null: int, rng: np.random.Generator) -> np.ndarray:
    """
    Where each cell's values go: permutations × cells, row numbers in the order of `cells`.

    Parameters
    ----------
    cells
        Row numbers of the cells to shuffle over.
    order
        Rank of each of them in an order that depends on the data only, so that the shuffled genes
        are the same however the cells are sorted.
    n_null
        Number of null genes; `SHARED` of them have one permutation.
    rng
        Source of randomness.
    """
    # many cells × permutations: no wider than need be
    at_rank = np.empty(len(cells), dtype=np.int32 if cells.max() < 2**31 else np.int64)
    at_rank[order] = cells
    return np.stack([at_rank[rng.permutation(len(cells))[order]] for _ in range(-(-n_null // SHARED))])


def null_gene_batches(values: sp.csr_array) -> Iterator[tuple[slice, slice]]:
    """Null genes to shuffle at a time, and the numbers of their permutations."""
    share = max(values.nnz / max(values.shape[1], 1), 1)
    size = max(1, int(BATCH_VALUES / share) // SHARED)
    for first in range(0, -(-values.shape[1] // SHARED), size):
        yield slice(first * SHARED, (first + size) * SHARED), slice(first, first + size)


def shuffle_cells(values: sp.csr_array, cells: np.ndarray, permutations: np.ndarray) -> sp.csr_array:
    """
    Shuffle the values of each gene over the cells.

    Parameters
    ----------
    values
        Cells × null genes; only rows in `cells` hold values.
    cells
        Row numbers of the cells to shuffle over.
    permutations
        From :func:`draw_permutations`.
    """
    entries = values.tocoo()
    position = np.full(values.shape[0], -1)
    position[cells] = np.arange(len(cells))
    rows = permutations[entries.col // SHARED, position[entries.row]]
    return sp.csr_array((entries.data, (rows, entries.col)), shape=values.shape)


def residual_null_moments(
    shuffled: np.ndarray,
    weights: np.ndarray,
    phi: Features,
    codes: np.ndarray,
    grams: np.ndarray,
    cells: np.ndarray,
    permutations: np.ndarray,
) -> np.ndarray:
    r"""
    Cross moments of null genes whose residuals alone are shuffled, samples × null genes × rank.

    A null gene is the fit over all conditions plus residuals from elsewhere (Freedman & Lane 1983),
    :math:`y^*_i = \Phi_i^\top w + (y_{\pi(i)} - \Phi_{\pi(i)}^\top w)`, so it keeps its pattern over the cell states. Its
    sums over a sample follow from those of the shuffled values:
    :math:`\sum_i y^*_i \Phi_i = \sum_i y_{\pi(i)} \Phi_i + \left(G_s - \sum_i \Phi_i \Phi_{\pi(i)}^\top\right) w`.

    Parameters
    ----------
    shuffled
        Cross moments of the shuffled values: samples × null genes × rank.
    weights
        Weights w of the fit of each null gene over all conditions: null genes × rank.
    phi
        Features: cells × rank.
    codes
        Sample number of each cell, -1 for cells that take no part.
    grams
        ΦᵀΦ of the samples.
    cells, permutations
        As in :func:`shuffle_cells`.
    """
    moved = shuffled + weights @ grams
    source = np.empty(len(codes), dtype=np.intp)
    for number, places in enumerate(permutations):
        own = slice(number * SHARED, (number + 1) * SHARED)
        source[places] = cells
        for sample in range(len(grams)):
            rows = np.flatnonzero(codes == sample)
            # Wᵀ Φ_π(i) for the few genes first: cells × genes is less than rank × rank sums
            moved[sample, own] -= (phi[source[rows]] @ weights[own].T).T @ phi[rows]
    return moved
