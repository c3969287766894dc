"""Information about the fields of samples, which are independent or correlated within blocks."""

from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular

from .posterior import spectrum


class SampleFields:
    r"""
    The fields of the samples in coordinates in which they are independent.

    Of the variance of a sample's field a share :math:`\rho` is that of its block, such as a donor measured several times: fields of
    the samples of one block have the prior covariance :math:`\Omega \otimes k` with 1 on the diagonal of :math:`\Omega` and
    :math:`\rho` elsewhere. With :math:`\Omega = R R^\top`, the fields are :math:`u_s = \sum_a R_{sa} z_a` of independent
    :math:`z_a`, about which the cells of a block together have the Gram matrix :math:`H_{ab} = \sum_s R_{sa} R_{sb} G_s`. Without
    blocks every sample is one by itself, and H is its Gram matrix.

    Parameters
    ----------
    gram
        FFᵀ of every sample: samples × features × features.
    block
        Number of the block of each sample; None where all are independent.
    share
        ρ, below 1.
    """

    def __init__(self, gram: np.ndarray, block: np.ndarray | None = None, share: float = 0.0) -> None:
        self.gram = gram
        own = np.arange(len(gram)) if block is None or share == 0 else block
        self.groups = [np.flatnonzero(own == one) for one in np.unique(own)]
        """Numbers of the samples of each block."""
        self._roots = [np.linalg.cholesky((1 - share) * np.eye(len(group)) + share) for group in self.groups]

    @cached_property
    def spectra(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Eigenvalues of H of each block, in descending order, and eigenvectors: (samples · features) × directions."""
        found = []
        for group, root in zip(self.groups, self._roots, strict=True):
            if len(group) == 1:
                matrix = self.gram[group[0]]
            else:
                size = len(group) * self.gram.shape[1]
                matrix = np.einsum("sa,sb,sij->aibj", root, root, self.gram[group], optimize=True).reshape(size, size)
            values, vectors = spectrum(matrix)
            found.append((values[::-1], vectors[:, ::-1]))
        return found

    def seen(self, number: int, n: int) -> np.ndarray:
        r"""How the first directions of a block appear in each of its samples, :math:`\sum_a (R^{-\top})_{sa} Q_a`: samples × features × n."""
        vectors, group = self.spectra[number][1][:, :n], self.groups[number]
        if len(group) == 1:
            return vectors[None]
        parts = vectors.reshape(len(group), -1, n)
        return np.tensordot(solve_triangular(self._roots[number].T, np.eye(len(group)), lower=False), parts, 1)

    def along(self, number: int, sums: np.ndarray) -> np.ndarray:
        """Sums of every sample (samples × genes × features) in the coordinates of a block: genes × (samples · features)."""
        group = self.groups[number]
        if len(group) == 1:
            return sums[group[0]]
        parts = np.tensordot(self._roots[number].T, sums[group], 1)
        return parts.transpose(1, 0, 2).reshape(sums.shape[1], -1)
