"""Diffusion components of a neighbour graph, weighted over all diffusion times."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

MAX_COMPONENTS = 10
"""Components among which the eigengap is looked for, as in Palantir."""
FEWEST = 2
"""Components that an eigengap leaves at least."""


@dataclass(frozen=True)
class Diffusion:
    """The leading eigenpairs of the transition matrix, without the constant one."""

    eigenvalues: np.ndarray
    """In falling order, below 1."""
    vectors: np.ndarray
    """Right eigenvectors, cells × components, of mean 0 and variance 1 under the stationary distribution."""

    def states(self, n: int) -> np.ndarray:
        r"""The first `n` components times :math:`\lambda / (1 - \lambda)`, the sum of all powers of the eigenvalue."""
        values = self.eigenvalues[:n]
        return self.vectors[:, :n] * (values / (1 - values))


def diffusion_components(connectivities: Any, n_components: int, seed: int = 0) -> Diffusion:
    r"""
    Leading right eigenvectors of the transition matrix of a graph.

    The connectivities W are divided by the degrees of both cells, :math:`K = D^{-1} W D^{-1}`, which removes the effect of
    the sampling density, and the transitions are K with rows that sum to one (Coifman & Lafon 2006). Eigenvalues and graph
    are those of `sc.tl.diffmap`, which returns eigenvectors of the symmetric matrix instead; of the transition matrix, the
    first is constant.

    Parameters
    ----------
    connectivities
        Weights between cells, sparse and not negative; made symmetric by the mean of both directions.
    n_components
        How many, without the constant one.
    seed
        Of the start of the iteration, which hardly matters.

    Raises
    ------
    ValueError
        If the graph has several parts, between which there is no diffusion, or too few cells.
    """
    weights = sp.csr_array(connectivities).astype(np.float64)
    weights = sp.csr_array((weights + weights.T) / 2)
    n_cells = weights.shape[0]
    _check_connected(weights)
    if n_components >= n_cells - 1:
        raise ValueError(f"{n_components} diffusion components need more than {n_cells} cells; at most {n_cells - 2}.")
    inverse = sp.dia_array((1 / weights.sum(axis=1)[None], [0]), shape=weights.shape)
    kernel = inverse @ weights @ inverse
    root = np.sqrt(kernel.sum(axis=1))
    inverse = sp.dia_array((1 / root[None], [0]), shape=weights.shape)
    symmetric = sp.csr_array(inverse @ kernel @ inverse)
    start = np.random.default_rng(seed).standard_normal(n_cells)
    values, vectors = sp.linalg.eigsh((symmetric + symmetric.T) / 2, k=n_components + 1, which="LA", v0=start)
    order = np.argsort(-values)[1:]
    vectors = vectors[:, order] / root[:, None] * np.sqrt(np.square(root).sum())
    # the sign is arbitrary; the third moment makes it a property of the data
    vectors = vectors * np.where((vectors**3).sum(axis=0) < 0, -1.0, 1.0)
    return Diffusion(values[order], vectors)


def by_eigengap(eigenvalues: np.ndarray) -> int:
    """
    Number of components before the largest gap between eigenvalues, two at least (Setty et al. 2019).

    Parameters
    ----------
    eigenvalues
        In falling order, without that of the constant component.
    """
    if len(eigenvalues) <= FEWEST:
        return len(eigenvalues)
    gaps = eigenvalues[FEWEST - 1 : -1] - eigenvalues[FEWEST:]
    return int(np.argmax(gaps)) + FEWEST


def _check_connected(weights: sp.csr_array) -> None:
    n_parts, labels = sp.csgraph.connected_components(weights, directed=False)
    if n_parts == 1:
        return
    sizes = np.sort(np.bincount(labels))[::-1]
    shown = ", ".join(f"{size:,}" for size in sizes[:5]) + (", …" if n_parts > 5 else "")
    raise ValueError(
        f"The neighbour graph has {n_parts} parts without a connection (of {shown} cells), between which nothing "
        "diffuses. Take more neighbours (`n_neighbors=`), compute the graph again if cells were left out since, or leave "
        "small parts out."
    )
