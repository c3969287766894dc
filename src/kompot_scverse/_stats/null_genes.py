"""Null genes: real genes whose values are shuffled over the cells."""

import numpy as np
import scipy.sparse as sp

__all__ = ["choose_null_genes", "shuffle_cells"]

SHARED = 20
"""Null genes that share one permutation of the cells."""


def choose_null_genes(n_genes: int, n_null: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of the genes to shuffle: without repeats where there are enough of them."""
    return rng.choice(n_genes, n_null, replace=n_null > n_genes)


def shuffle_cells(values: sp.csr_array, cells: np.ndarray, order: np.ndarray, rng: np.random.Generator) -> sp.csr_array:
    """
    Shuffle the values of each gene over the cells.

    Parameters
    ----------
    values
        Cells × null genes; only rows in `cells` hold values.
    cells
        Row numbers of the cells to shuffle over.
    order
        Rank of each of them in an order that belongs to the data rather than to the file, so that the shuffled genes
        are the same however the cells are sorted.
    rng
        Source of randomness.
    """
    n_null = values.shape[1]
    entries = values.tocoo()
    groups = -(-n_null // SHARED)
    rank = np.full(values.shape[0], -1)
    rank[cells] = order
    at_rank = np.empty(len(cells), dtype=np.intp)
    at_rank[order] = cells
    permutations = np.stack([rng.permutation(len(cells)) for _ in range(groups)])
    rows = at_rank[permutations[entries.col // SHARED, rank[entries.row]]]
    return sp.csr_array((entries.data, (rows, entries.col)), shape=values.shape)
