"""Blocks of genes: where sums of all genes would take too much memory, each block has a pass over the cells."""

from typing import Any

import numpy as np

from .features import Features
from .moments import Moments, collect_moments
from .row_tasks import RowReader

LARGEST, LARGEST_OF_TASK = 2**31, 2**28
"""Bytes of the sums of a pass; in a file samples are mixed, so that each task has sums of all."""


def gene_blocks(n_genes: int, n_samples: int, n_columns: int, *, in_file: bool) -> list[slice]:
    """
    Genes of each pass over the cells: about equally many, and as few passes as memory allows.

    Parameters
    ----------
    n_genes
        Number of genes.
    n_samples, n_columns
        Samples, and numbers that are summed for each of them and each gene.
    in_file
        Whether rows are read in the order of a file.
    """
    at_once = (LARGEST_OF_TASK if in_file else LARGEST) // (8 * max(n_samples * n_columns, 1))
    n_blocks = -(-n_genes // max(at_once, 1))
    edges = np.linspace(0, n_genes, max(n_blocks, 1) + 1).astype(int)
    return [slice(int(start), int(stop)) for start, stop in zip(edges[:-1], edges[1:], strict=True)]


def collect_in_passes(
    y: RowReader,
    phi: Features,
    codes: np.ndarray,
    n_samples: int,
    *,
    weights: Any,
    extract: np.ndarray | None = None,
    grams: bool = False,
    what: str = "sums",
) -> Moments:
    """As :func:`~.moments.collect_moments`, in several passes over the cells where it needs less memory."""
    n_genes, rank, n_weights = y.shape[1], phi.shape[1], weights.shape[1]
    blocks = gene_blocks(n_genes, n_samples, rank + 2 * n_weights, in_file=y.chunks is not None)
    if len(blocks) == 1:
        return collect_moments(y, phi, codes, n_samples, weights=weights, extract=extract, grams=grams, what=what)
    cross = np.empty((n_samples, n_genes, rank))
    # weight by weight, as of a single pass
    sums, squares = (np.empty((n_samples, n_weights, n_genes)).swapaxes(1, 2) for _ in range(2))
    own_grams = np.zeros((n_samples, rank, rank))
    for block in blocks:
        part = y.of_genes(np.arange(block.start, block.stop))
        first = grams and block.start == 0
        found = collect_moments(part, phi, codes, n_samples, weights=weights, grams=first, what=what)
        cross[:, block], sums[:, block], squares[:, block] = found.cross, found.sums, found.squares
        own_grams = found.grams if first else own_grams
    extracted = None
    if extract is not None:
        part, nothing, every = y.of_genes(extract), np.empty((len(codes), 0)), np.arange(len(extract))
        ones = np.ones((len(codes), 1))
        extracted = collect_moments(part, nothing, codes, n_samples, weights=ones, extract=every, what=what).extracted
    return Moments(cross, sums, squares, extracted, own_grams)
