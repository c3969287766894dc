"""The Gaussian-process posterior of a single function in weight space, for many genes at once."""

import numpy as np
from scipy.linalg import eigh


def spectrum(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (not below 0) and eigenvectors of a Gram matrix."""
    values, vectors = eigh(gram, check_finite=False)
    return np.maximum(values, 0.0), vectors


def posterior_weights(eigen: tuple[np.ndarray, np.ndarray], cross: np.ndarray, sigma: float) -> np.ndarray:
    """Posterior mean (Rasmussen & Williams 2006, eq. 2.11) of the weights: Q (σ² + λ)⁻¹ Qᵀ B, genes × rank, with G = QλQᵀ."""
    values, vectors = eigen
    return cross @ ((vectors / (sigma**2 + values)) @ vectors.T)
