"""Sums of features and of their products over the cells of every sample."""

from typing import Any

import numpy as np

from .features import blocks_of


def sample_grams(phi: Any, codes: np.ndarray, n_samples: int) -> np.ndarray:
    """
    ΦᵀΦ of every sample: samples × rank × rank.

    Parameters
    ----------
    phi
        Cells × rank: an array, features, or a sparse matrix.
    codes
        Sample number of each cell, -1 for cells that take no part.
    n_samples
        Number of samples.
    """
    grams = np.zeros((n_samples, phi.shape[1], phi.shape[1]))
    for rows, block in blocks_of(phi):
        add_grams(grams, block, codes[rows])
    return grams


def add_grams(grams: Any, block: np.ndarray, codes: np.ndarray) -> None:
    """Add ΦᵀΦ of the samples in a block to what has an entry for each of them."""
    for sample in np.unique(codes[codes >= 0]):
        own = block if (codes == sample).all() else block[codes == sample]
        grams[int(sample)] += own.T @ own


def sample_sums(phi: Any, codes: np.ndarray, n_samples: int) -> np.ndarray:
    """ΣΦ of every sample, samples × rank; arguments as of :func:`sample_grams`."""
    sums = np.zeros((n_samples, phi.shape[1]))
    for rows, block in blocks_of(phi):
        for sample in np.unique(codes[rows][codes[rows] >= 0]):
            sums[sample] += block[codes[rows] == sample].sum(axis=0)
    return sums
