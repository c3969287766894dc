"""The genes that priors are learnt from: the same ones whatever their order and whichever genes are tested."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

MAX_GENES = 6000
"""Enough for every curve and distribution that is learnt: about 4,000 of them are tested in a typical data set."""
MIN_CELLS = 10
"""Cells with a value other than 0 that a gene needs to tell anything."""


def reference_genes(names: Sequence[str], expressing: NDArray[np.integer], most: int = MAX_GENES) -> NDArray[np.intp]:
    """Numbers of all expressed genes, or of those with the smallest hashes of their names, in ascending order.

    Parameters
    ----------
    names
        Names of all genes.
    expressing
        Cells that express each of them.
    most
        How many genes there are at most.
    """
    genes = np.flatnonzero(expressing >= MIN_CELLS)
    if len(genes) <= most:
        return genes
    hashes = [blake2b(str(names[int(gene)]).encode(), digest_size=8).digest() for gene in genes]
    order = sorted(range(len(genes)), key=hashes.__getitem__)
    return np.sort(genes[order[:most]])
