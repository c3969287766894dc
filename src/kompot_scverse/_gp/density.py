"""Density over cell states from nearest-neighbour distances: Newton's method and the exact Laplace approximation."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import gammaln

from kompot_scverse._messages import logger

MAX_STEPS = 100
TOLERANCE = 1e-16
"""Newton decrement at which to stop: the squared distance from the mode, in posterior standard deviations."""


@dataclass(frozen=True)
class DensityFit:
    r"""Posterior of :math:`\log p(x) = \mu + \Phi(x)^\top z` with :math:`z \sim N(\hat z, H^{-1})`."""

    weights: np.ndarray
    """Mode of z: rank."""
    hessian_cholesky: np.ndarray
    """Lower Cholesky factor of H, the negative Hessian of the log posterior at the mode: rank × rank."""
    mu: float
    """Prior mean of the log density."""

    def log_density(self, phi: np.ndarray) -> np.ndarray:
        """Natural log density at the cells with features `phi` (cells × rank)."""
        return self.mu + phi @ self.weights

    def variance(self, phi: np.ndarray) -> np.ndarray:
        """Laplace variance of the log density at the cells with features `phi`."""
        half = solve_triangular(self.hessian_cholesky, phi.T, lower=True, check_finite=False)
        return np.square(half).sum(axis=0)


def fit_density(phi: np.ndarray, nn_distances: np.ndarray, d: float, mu: float) -> DensityFit:
    r"""
    Fit mellon's density model (Otto et al. 2024, Nature Methods) to the cells of one condition or sample.

    With :math:`f = \mu + \Phi z`, nearest-neighbour distances :math:`r` and the volume
    :math:`v(r) = \pi^{d/2} r^d / \Gamma(d/2 + 1)`, the log posterior is

    .. math:: \sum_i \left( f_i - e^{f_i} v(r_i) \right) - \tfrac12 |z|^2 + const,

    which is concave in z. Newton steps with a line search reach its maximum; the inverse of the negative Hessian
    :math:`H = I + \Phi^\top \mathrm{diag}(e^{f} v) \Phi` is the exact Laplace covariance.

    Parameters
    ----------
    phi
        Features: cells × rank.
    nn_distances
        Distance of each cell to the nearest other cell of the same group, in the units of the representation. Zeros
        (duplicates) count as the smallest positive distance, as in mellon.
    d
        Dimensionality of the cell-state manifold.
    mu
        Prior mean of the log density.
    """
    positive = nn_distances[nn_distances > 0]
    if positive.size == 0:
        raise ValueError("All cells of a group are identical in the representation: it has no density.")
    distances = np.maximum(nn_distances, positive.min())
    log_volume = d / 2 * np.log(np.pi) + d * np.log(distances) - gammaln(d / 2 + 1)

    def objective(z: np.ndarray) -> tuple[float, np.ndarray]:
        f = mu + phi @ z
        with np.errstate(over="ignore"):
            expected = np.exp(f + log_volume)
        return float(np.sum(expected - f) + z @ z / 2), expected

    # ridge regression of the nearest-neighbour estimates, as mellon starts
    gram = phi.T @ phi
    np.fill_diagonal(gram, gram.diagonal() + 1)
    z = cho_solve(cho_factor(gram, lower=True), phi.T @ (-log_volume - mu))
    value, expected = objective(z)
    for _ in range(MAX_STEPS):
        factor = _hessian_cholesky(phi, expected)
        gradient = z + phi.T @ (expected - 1)
        step = -cho_solve((factor, True), gradient)
        decrement = -float(gradient @ step)
        if decrement <= TOLERANCE:
            break
        z, value, expected = _line_search(objective, z, value, step, decrement)
    else:
        logger.warning("The density did not converge in %d Newton steps (decrement %.2g).", MAX_STEPS, decrement)
    return DensityFit(z, factor, mu)


def _hessian_cholesky(phi: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Lower Cholesky factor of I + Φᵀ diag(expected) Φ."""
    scaled = phi * np.sqrt(expected)[:, None]
    hessian = scaled.T @ scaled
    np.fill_diagonal(hessian, hessian.diagonal() + 1)
    return np.linalg.cholesky(hessian)


def _line_search(objective, z: np.ndarray, value: float, step: np.ndarray, decrement: float):
    """Halve the step until the objective falls enough (Armijo's rule)."""
    size = 1.0
    while True:
        candidate = z + size * step
        new, expected = objective(candidate)
        # at the optimum, differences drown in rounding: allow for it
        if new <= value - 1e-4 * size * decrement + 1e-12 * abs(value) or size < 1e-10:
            return candidate, new, expected
        size /= 2
