"""The varying-coefficient model of expression: its normal equations, with the fields of the samples eliminated."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import cholesky, eigh, solve_triangular

from .posterior import spectrum

__all__ = ["DOUBLE", "SINGLE", "Factor", "SampleSums", "VaryingCoefficients", "contrast_design", "with_constant"]


SINGLE, DOUBLE = 2e-5, 1e-10
"""Relative errors of sums of expression in single and in double precision, with a margin."""


@dataclass(frozen=True)
class SampleSums:
    """Sums over the cells of every sample; the first feature is the constant 1."""

    gram: np.ndarray
    """Sum of FFᵀ: samples × features × features."""
    cross: np.ndarray
    """Sum of yFᵀ: samples × genes × features."""
    square: np.ndarray
    """Sum of y²: samples × genes."""
    rounding: float = DOUBLE
    """Relative error of the sums."""

    def genes(self, chosen: slice | np.ndarray) -> "SampleSums":
        """The sums of some genes."""
        return replace(self, cross=self.cross[:, chosen], square=self.square[:, chosen])


@dataclass(frozen=True)
class Factor:
    r"""
    The normal equations at one ratio of the state to the noise, solved for every ratio of the effects.

    With the right-hand side c of a gene, :math:`u = T c` and the shrinkage
    :math:`h_j = \rho_1 / (1 + \rho_1 \lambda_j)` of the effects (1 for all else), the residual sum of squares is
    :math:`q - \sum_j h_j u_j^2`, the coefficients are :math:`T^\top (h \odot u)` and their covariance is
    :math:`\sigma^2 T^\top \mathrm{diag}(h) T`.
    """

    transform: np.ndarray
    """T: coefficients × coefficients."""
    eigenvalues: np.ndarray
    """λ of the effect fields given all else."""
    n_fixed: int
    """Coefficients before the effect fields: the intercept, the state, the constants of the effects."""
    log_det: float
    """Log determinant of the equations with the effects at 0, less that of the prior of the state."""

    def shrinkage(self, effect: np.ndarray) -> np.ndarray:
        """The factors h of the effect fields at some ratios: ratios × effect coefficients."""
        return effect[:, None] / (1 + effect[:, None] * self.eigenvalues)

    def log_dets(self, effect: np.ndarray) -> np.ndarray:
        """Log determinant at some ratios of the effects."""
        return self.log_det + np.log1p(effect[:, None] * self.eigenvalues).sum(axis=1)

    def reductions(self, squared: np.ndarray, effect: np.ndarray) -> np.ndarray:
        """What the model takes off the sum of squares, genes × ratios, from u²: genes × coefficients."""
        fixed = squared[:, : self.n_fixed].sum(axis=1)
        return fixed[:, None] + squared[:, self.n_fixed :] @ self.shrinkage(effect).T


class VaryingCoefficients:
    r"""
    Normal equations of :math:`y_i = \sum_j X_{sj} (m_j + \beta_j(x_i)) + v_s + u_s(x_i) + \varepsilon_i`.

    :math:`\beta_0` (the state) is a Gaussian process with variance :math:`\rho_0 \sigma^2 k`, every other
    :math:`\beta_j` (an effect) one with :math:`\rho_1 \sigma^2 k`, and :math:`v_s + u_s` (what sample s has of its own)
    one with :math:`\rho_s \sigma^2 (1 + k)`; :math:`m_j` have flat priors, and the noise has variance :math:`\sigma^2`
    (Hastie & Tibshirani 1993, JRSS B 55, 757; the mixed model as in Rasmussen & Williams 2006, section 2.7). With the
    features F of the cells (a constant first), the fields of the samples are integrated out exactly: with
    :math:`M_s = (I / \rho_s + G_s)^{-1}` the Gram matrix :math:`G_s` of a sample becomes :math:`G_s - G_s M_s G_s`, and
    likewise its other sums.

    The coefficients are ordered: intercept, state, constants of the effects, effect fields.

    Parameters
    ----------
    gram
        FFᵀ of every sample: samples × features × features.
    design
        X: samples × columns; the first column is 1.
    """

    def __init__(self, gram: np.ndarray, design: np.ndarray) -> None:
        self.gram, self.design = gram, design
        self.n_features, self.n_columns = gram.shape[1], design.shape[1]
        self.n_cells = float(gram[:, 0, 0].sum())
        by_column = np.arange(self.n_columns * self.n_features).reshape(self.n_columns, self.n_features)
        self.order = np.concatenate([by_column[0], by_column[1:, 0], by_column[1:, 1:].ravel()])
        self.n_fixed = self.n_features + self.n_columns - 1

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the noise: cells less the flat coefficients."""
        return self.n_cells - self.n_columns

    @cached_property
    def _spectra(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [spectrum(gram) for gram in self.gram]

    def matrix(self, sample: float) -> np.ndarray:
        """Gram matrix of all coefficients at one ratio of the sample fields, without priors."""
        size = self.n_columns * self.n_features
        total = np.zeros((self.n_columns, self.n_features, self.n_columns, self.n_features))
        for row, gram, (values, vectors) in zip(self.design, self.gram, self._spectra, strict=True):
            left = gram if sample == 0 else (vectors * (values / (1 + sample * values))) @ vectors.T
            total += np.einsum("i,j,ab->iajb", row, row, left)
        return total.reshape(size, size)[np.ix_(self.order, self.order)]

    def sample_log_det(self, sample: float) -> float:
        """Log determinant that the sample fields add."""
        return float(sum(np.log1p(sample * values).sum() for values, _ in self._spectra))

    def factor(self, matrix: np.ndarray, state: float) -> Factor:
        """Solve :meth:`matrix` at a ratio of the state to the noise."""
        m, r = self.n_fixed, self.n_features - 1
        fixed = matrix[:m, :m].copy()
        states = np.arange(1, 1 + r)
        fixed[states, states] += 1 / state
        root = cholesky(fixed, lower=True, check_finite=False)
        inverse = solve_triangular(root, np.eye(m), lower=True, check_finite=False)
        shared = inverse @ matrix[:m, m:]
        own = matrix[m:, m:] - shared.T @ shared
        # a single condition has no effects
        values, vectors = eigh(own, check_finite=False) if own.size else (np.empty(0), own)
        transform = np.zeros_like(matrix)
        transform[:m, :m] = inverse
        transform[m:, :m] = -(shared @ vectors).T @ inverse
        transform[m:, m:] = vectors.T
        log_det = 2 * float(np.log(root.diagonal()).sum()) + r * float(np.log(state))
        return Factor(transform, np.maximum(values, 0.0), m, log_det)

    def right_hand(self, sums: SampleSums, sample: float) -> tuple[np.ndarray, np.ndarray]:
        """Right-hand sides, genes × coefficients, and sums of squares at one ratio of the sample fields."""
        n_genes = sums.cross.shape[1]
        right = np.zeros((n_genes, self.n_columns, self.n_features))
        squares = sums.square.sum(axis=0)
        for row, cross, (values, vectors) in zip(self.design, sums.cross, self._spectra, strict=True):
            own = cross
            if sample > 0:
                rotated = cross @ vectors
                keep = 1 / (1 + sample * values)
                squares = squares - np.square(rotated) @ (sample * keep)
                own = (rotated * keep) @ vectors.T
            for column, factor in enumerate(row):
                if factor != 0:
                    right[:, column] += factor * own
        return right.reshape(n_genes, -1)[:, self.order], squares

    def functional(self, of_columns: np.ndarray) -> np.ndarray:
        """The matrix that turns the coefficients into features' weights of Σ aⱼ (mⱼ + βⱼ): features × coefficients."""
        full = np.kron(of_columns[None, :], np.eye(self.n_features))
        return full[:, self.order]


def contrast_design(conditions: np.ndarray) -> np.ndarray:
    r"""
    Design of unordered conditions in which none is special: samples × conditions.

    The columns after the first are orthonormal contrasts over :math:`\sqrt 2`, so that the fold change between any two
    conditions has the prior variance of one effect; of two conditions it is ∓1/2.

    Parameters
    ----------
    conditions
        Number of the condition of each sample; every condition has one.
    """
    n = int(conditions.max()) + 1
    if n == 1:
        return np.ones((len(conditions), 1))
    # Helmert's contrasts, rows of an orthonormal matrix; the sign gives the second condition +1/2
    helmert = np.zeros((n, n - 1))
    for column in range(n - 1):
        helmert[: column + 1, column] = -1.0
        helmert[column + 1, column] = column + 1.0
    helmert /= np.linalg.norm(helmert, axis=0)
    return np.column_stack([np.ones(len(conditions)), helmert[conditions] / np.sqrt(2)])


def with_constant(phi: np.ndarray) -> np.ndarray:
    """Features with a constant 1 before them; NaN for cells without a state."""
    constant = np.where(np.isfinite(phi).all(axis=1, keepdims=True), 1.0, np.nan)
    return np.hstack([constant, phi])
