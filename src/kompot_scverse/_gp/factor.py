"""Normal equations at one ratio of the state, solved for every ratio of the effects."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Factor:
    r"""
    The normal equations at one ratio of the state to the noise, solved for every ratio of the effects.

    With the right-hand side c of a gene, :math:`u = T c` and the shrinkage
    :math:`h_j = \rho_1 / (1 + \rho_1 \lambda_j)` of the effects (1 for all else), the residual sum of squares is
    :math:`q - \sum_j h_j u_j^2`, the coefficients are :math:`T^\top (h \odot u)` and their covariance is
    :math:`\sigma^2 T^\top \mathrm{diag}(h) T`.
    """

    kept: np.ndarray
    """Numbers of the coefficients in it; those of the others are 0, and their covariance is that of the prior."""
    transform: np.ndarray
    """T: kept coefficients × kept coefficients; those before the effect fields do not depend on the fields."""
    eigenvalues: np.ndarray
    """λ of the effect fields given all else."""
    n_fixed: int
    """Coefficients before the effect fields: the intercept, the state, the constants of the effects."""
    log_det: float
    """Log determinant of the equations with the effects at 0, less that of the prior of the state."""

    def transformed(self, right: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Transformed right-hand sides, u, of the coefficients before the effect fields and of these, from rows of right-hand sides: genes × coefficients."""
        own = right[np.ix_(rows, self.kept)]
        m = self.n_fixed
        return own[:, :m] @ self.transform[:m, :m].T, own @ self.transform[m:].T

    def coefficients(self, fixed: np.ndarray, effects: np.ndarray) -> np.ndarray:
        """Tᵀ of both parts: genes × kept coefficients."""
        found = effects @ self.transform[self.n_fixed :]
        found[:, : self.n_fixed] += fixed @ self.transform[: self.n_fixed, : self.n_fixed]
        return found

    def shrinkage(self, effect: np.ndarray) -> np.ndarray:
        """The factors h of the effect fields at some ratios: ratios × effect coefficients."""
        return effect[:, None] / (1 + effect[:, None] * self.eigenvalues)

    def log_dets(self, effect: np.ndarray) -> np.ndarray:
        """Log determinant at some ratios of the effects."""
        return self.log_det + np.log1p(effect[:, None] * self.eigenvalues).sum(axis=1)

    def reductions(self, fixed: np.ndarray, effects: np.ndarray, effect: np.ndarray) -> np.ndarray:
        """What the model takes off the sum of squares at some ratios of the effects, from u: genes × ratios."""
        return np.einsum("gj,gj->g", fixed, fixed)[:, None] + np.square(effects) @ self.shrinkage(effect).T
