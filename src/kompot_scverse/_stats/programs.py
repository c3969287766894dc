"""Genes grouped by the shape of their change over the cell states."""

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.linalg import eigh

STABLE = 0.8
"""Prediction strength from which on groups count as there (Tibshirani & Walther 2005 advise 0.8 to 0.9)."""
MOST = 12
"""Largest number of programs that is tried."""
SPLITS = 10
GENES_IN_TREE = 3000
"""Genes that the tree is made of; others go to the nearest program."""


@dataclass(frozen=True)
class Programs:
    """Groups of genes, the largest first."""

    labels: np.ndarray
    """Program of each gene, from 0."""
    scores: np.ndarray
    """Correlation of each gene's field with the mean field of its program."""


def field_shapes(weights: np.ndarray, gram: np.ndarray) -> np.ndarray:
    r"""
    Vectors of length one whose products are the correlations about zero of fields over the cells.

    Of fields :math:`F w_g` at n cells the product of two is :math:`w_g^\top F^\top F w_h`, so that cells are not needed once
    :math:`F^\top F` is known. Correlations are about zero, not about the means: a change that is the same everywhere is a shape, too.

    Parameters
    ----------
    weights
        Weights of the fold change: genes × features.
    gram
        FᵀF over the cells: features × features.
    """
    values, vectors = eigh(gram)
    fields = weights @ (vectors * np.sqrt(np.maximum(values, 0.0)))
    length = np.linalg.norm(fields, axis=1, keepdims=True)
    return np.divide(fields, length, out=np.zeros_like(fields), where=length > 0)


def find_programs(shapes: np.ndarray, n_programs: int | None = None, seed: int = 0) -> Programs:
    """
    Group genes by Ward's linkage of their shapes, with the largest number of groups that is stable.

    Parameters
    ----------
    shapes
        From :func:`field_shapes`, the most significant genes first.
    n_programs
        Number of groups; None for the largest of at most ``MOST`` with a :func:`stability` of ``STABLE``, else 1.
    seed
        Of the random halves.
    """
    tree = shapes[:GENES_IN_TREE]
    if n_programs is None:
        tried = range(2, min(MOST, len(tree) // 4) + 1)
        n_programs = max((k for k in tried if stability(tree, k, seed) >= STABLE), default=1)
    labels = _nearest(shapes, _centers(tree, _groups(tree, n_programs)))
    order = np.argsort(-np.bincount(labels), kind="stable")
    labels = np.argsort(order)[labels]
    centers = _centers(shapes, labels)
    return Programs(labels, np.einsum("gr,gr->g", shapes, centers[labels]))


def stability(shapes: np.ndarray, k: int, seed: int = 0) -> float:
    """
    Prediction strength of k groups (Tibshirani & Walther 2005): how well the groups of one half of the genes predict those of the other.

    For each group of one half: the share of its pairs of genes that the groups of the other half also put together. The smallest share of
    all groups counts; mean over random halves.

    Parameters
    ----------
    shapes
        Genes × features, of length one.
    k
        Number of groups.
    seed
        Of the halves.
    """
    rng, found = np.random.default_rng(seed), []
    for _ in range(SPLITS):
        order = rng.permutation(len(shapes))
        first, second = shapes[order[::2]], shapes[order[1::2]]
        for own, other in ((first, second), (second, first)):
            labels, predicted = _groups(own, k), _nearest(own, _centers(other, _groups(other, k)))
            found.append(min(_together(predicted[labels == group]) for group in np.unique(labels)))
    return float(np.mean(found))


def _groups(shapes: np.ndarray, k: int) -> np.ndarray:
    if k == 1 or len(shapes) == 1:
        return np.zeros(len(shapes), dtype=np.intp)
    return fcluster(linkage(shapes, "ward"), k, "maxclust").astype(np.intp) - 1


def _centers(shapes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean shape of every group, of length one."""
    sums = np.stack([shapes[labels == group].sum(axis=0) for group in range(labels.max() + 1)])
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.divide(sums, length, out=np.zeros_like(sums), where=length > 0)


def _nearest(shapes: np.ndarray, centers: np.ndarray) -> np.ndarray:
    return (shapes @ centers.T).argmax(axis=1)


def _together(labels: np.ndarray) -> float:
    """Share of the pairs with the same label; 1 for a single gene would count groups of one as stable, so 0."""
    n = len(labels)
    if n < 2:
        return 0.0
    counts = np.bincount(labels)
    return float((counts * (counts - 1)).sum() / (n * (n - 1)))
