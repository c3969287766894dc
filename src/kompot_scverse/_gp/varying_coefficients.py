"""The varying-coefficient model of expression: its normal equations, with the fields of the samples eliminated."""

from dataclasses import dataclass
from threading import RLock

import numpy as np
from scipy.linalg import cholesky, eigh, solve_triangular

from .factor import Factor
from .posterior import spectrum
from .sample_fields import SampleFields

FIELD_TOLERANCE, SAMPLE_TOLERANCE = 3e-4, 1e-4
"""Share of the prior variance of a direction below which it is not worth asking what the data say of it."""


class VaryingCoefficients:
    r"""
    Normal equations of :math:`y_i = \sum_j X_{sj} (m_j + \beta_j(x_i)) + v_s + u_s(x_i) + \varepsilon_i`.

    :math:`\beta_0` (the state) is a Gaussian process with variance :math:`\rho_0 \sigma^2 k`, every other
    :math:`\beta_j` (an effect) one with :math:`\rho_1 \sigma^2 k`, and :math:`v_s + u_s` (what sample s has of its own)
    one with :math:`\rho_s \sigma^2 (1 + k)`; :math:`m_j` have flat priors, or are 0, and the noise has variance :math:`\sigma^2`
    (Hastie & Tibshirani 1993, JRSS B 55, 757; the mixed model as in Rasmussen & Williams 2006, section 2.7). With the
    features F of the cells (a constant first), the fields of the samples are integrated out exactly: with
    :math:`M_s = (I / \rho_s + G_s)^{-1}` the Gram matrix :math:`G_s` of a sample becomes :math:`G_s - G_s M_s G_s`, and
    likewise its other sums.

    The coefficients are those of the principal axes of the features over all cells, in the order: intercept, state,
    constants of the effects, effect fields. With a ratio ρ the data shrink the variance of an axis of which the cells have
    the sum of squares λ by the factor 1 / (1 + ρλ). Where ρλ is below a tolerance, the axis is left as the prior has it.

    Parameters
    ----------
    gram
        FFᵀ of every sample: samples × features × features.
    design
        X: samples × columns; the first column is 1.
    tolerances
        ρλ of states and effects, and of samples, below which an axis is left out; 0 for none.
    block, share
        Number of the block of each sample, and the share of the variance of the samples' fields that those of a block have in
        common (:class:`SampleFields`).
    constant
        Whether the first feature is a constant 1, with a flat prior. Without it the prior mean of all functions is 0.
    """

    def __init__(
        self,
        gram: np.ndarray,
        design: np.ndarray,
        tolerances: tuple[float, float] = (FIELD_TOLERANCE, SAMPLE_TOLERANCE),
        block: np.ndarray | None = None,
        share: float = 0.0,
        *,
        constant: bool = True,
    ) -> None:
        self.gram, self.design, self.tolerances = gram, design, tolerances
        self.n_flat = n_flat = int(constant)
        """Flat coefficients of each column."""
        self.n_features, self.n_columns = gram.shape[1], design.shape[1]
        self.n_cells = float(gram[:, 0, 0].sum())
        by_column = np.arange(self.n_columns * self.n_features).reshape(self.n_columns, self.n_features)
        self.order = np.concatenate([by_column[0], by_column[1:, :n_flat].ravel(), by_column[1:, n_flat:].ravel()])
        self.n_fixed = self.n_features + n_flat * (self.n_columns - 1)
        values, vectors = spectrum(gram[:, n_flat:, n_flat:].sum(axis=0))
        self.spread = values[::-1]
        """Sum of squares over the cells of each axis, in descending order."""
        self.axes = np.eye(self.n_features)
        """Features × axes; the constant is one by itself."""
        self.axes[n_flat:, n_flat:] = vectors[:, ::-1]
        self.fields = SampleFields(gram, block, share)
        self._matrices: dict[float, np.ndarray] = {}
        self._eliminations: dict[float, Elimination] = {}
        self._factors: dict[tuple[float, float, float], Factor] = {}
        self._lock = RLock()

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the noise: cells less the flat coefficients."""
        return self.n_cells - self.n_columns

    def matrix(self, sample: float) -> np.ndarray:
        """Gram matrix of all coefficients at one ratio of the sample fields, without priors."""
        with self._lock:
            if sample not in self._matrices:
                self._matrices[sample] = self._matrix(sample)
            return self._matrices[sample]

    def _matrix(self, sample: float) -> np.ndarray:
        # G less what the fields take, of every pair of samples that share a field
        pairs: list[tuple[int, int, np.ndarray]] = []
        for number, group in enumerate(self.fields.groups):
            if sample == 0:
                pairs += [(one, one, self.gram[one]) for one in group.tolist()]
                continue
            n = self.n_of_block(sample, number)
            values, seen = self.fields.spectra[number][0][:n], self.fields.seen(number, n)
            taken = sample * values**2 / (1 + sample * values)
            for a, one in enumerate(group.tolist()):
                for b, other in enumerate(group[: a + 1].tolist()):
                    left = (seen[a] * taken) @ seen[b].T
                    pairs.append((one, other, self.gram[one] - left if a == b else -left))
        total = np.empty((self.n_columns, self.n_features, self.n_columns, self.n_features))
        x = self.design
        for i in range(self.n_columns):
            for j in range(i + 1):
                block = np.zeros((self.n_features, self.n_features))
                for one, other, gram in pairs:
                    block += (x[one, i] * x[other, j]) * gram
                    if one != other:
                        block += (x[other, i] * x[one, j]) * gram.T
                total[i, :, j] = self.axes.T @ block @ self.axes
                total[j, :, i] = total[i, :, j].T
        size = self.n_columns * self.n_features
        return total.reshape(size, size)[np.ix_(self.order, self.order)]

    def n_of_block(self, sample: float, number: int) -> int:
        """How many directions of the fields of a block (without blocks, of a sample) the data tell something about, at a ratio."""
        return max(int((sample * self.fields.spectra[number][0] >= self.tolerances[1]).sum()), 1)

    def sample_log_det(self, sample: float) -> float:
        """Log determinant that the sample fields add."""
        return float(sum(np.log1p(sample * values).sum() for values, _ in self.fields.spectra)) if sample > 0 else 0.0

    def elimination(self, sample: float) -> "Elimination":
        """What the sample fields take off the right-hand sides at one ratio."""
        with self._lock:
            if sample not in self._eliminations:
                self._eliminations[sample] = self._elimination(sample)
            return self._eliminations[sample]

    def _elimination(self, sample: float) -> "Elimination":
        fields, numbers, of_squares, matrices = self.fields, [], [], []
        for number in range(len(fields.groups)):
            n = self.n_of_block(sample, number)
            values, seen = fields.spectra[number][0][:n], fields.seen(number, n)
            shrunk = sample / (1 + sample * values)
            numbers.append(n)
            of_squares.append(shrunk)
            matrices.append((seen * (shrunk * values)).transpose(0, 2, 1) @ self.axes)
        rows, condition = np.unique(self.design, axis=0, return_inverse=True)
        if len(rows) <= self.n_columns and len(fields.groups) == len(self.design):
            # samples of one condition go the same way
            members = [np.flatnonzero(condition.ravel() == number) for number in range(len(rows))]
            maps = [
                (own, row, np.vstack([matrices[one][0] for one in own])) for own, row in zip(members, rows, strict=True)
            ]
            return Elimination(numbers, of_squares, maps)
        every, maps = np.arange(len(fields.groups)), []
        for column, unit in zip(self.design.T, np.eye(self.n_columns), strict=True):
            own = [np.tensordot(column[group], one, 1) for group, one in zip(fields.groups, matrices, strict=True)]
            maps.append((every, unit, np.vstack(own)))
        return Elimination(numbers, of_squares, maps)

    def in_order(self, columns: np.ndarray) -> np.ndarray:
        """Values of the axes of every column, columns × genes × axes, in the order of the coefficients: genes × coefficients."""
        found = np.empty((columns.shape[1], len(self.order)))
        n, n_flat = self.n_features, self.n_flat
        found[:, :n] = columns[0]
        for number, values in enumerate(columns[1:]):
            found[:, n + n_flat * number : n + n_flat * (number + 1)] = values[:, :n_flat]
            start = self.n_fixed + number * (n - n_flat)
            found[:, start : start + n - n_flat] = values[:, n_flat:]
        return found

    def kept(self, state: float, effect: float) -> tuple[np.ndarray, int]:
        """Coefficients that the data tell something about at these ratios, and how many of them are not effect fields."""
        n_flat, r, tolerance = self.n_flat, self.n_features - self.n_flat, self.tolerances[0]
        states = np.arange(n_flat + int((state * self.spread >= tolerance).sum()))
        constants = np.arange(self.n_features, self.n_fixed)
        effects = np.arange(int((effect * self.spread >= tolerance).sum()))
        fields = self.n_fixed + r * np.arange(self.n_columns - 1)[:, None] + effects
        return np.concatenate([states, constants, fields.ravel()]), len(states) + len(constants)

    def factor(self, sample: float, state: float, effect: float) -> Factor:
        """Solve the equations at ratios of samples and state to the noise, for ratios of the effects up to the one given."""
        key = (sample, state, effect)
        with self._lock:
            if key not in self._factors:
                self._factors[key] = self._factor(*key)
            return self._factors[key]

    def _factor(self, sample: float, state: float, effect: float) -> Factor:
        kept, m = self.kept(state, effect)
        matrix = self.matrix(sample)
        if len(kept) < len(matrix):
            matrix = matrix[np.ix_(kept, kept)]
        fixed = matrix[:m, :m].copy()
        states = np.arange(self.n_flat, m - self.n_flat * (self.n_columns - 1))
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
        log_det = 2 * float(np.log(root.diagonal()).sum()) + len(states) * float(np.log(state))
        return Factor(kept, transform, np.maximum(values, 0.0), m, log_det)

    def seen_through(self, factor: Factor, of_columns: np.ndarray) -> np.ndarray:
        """A Tᵀ with the matrix A that turns the kept coefficients into axes' weights of Σ aⱼ (mⱼ + βⱼ): axes × coefficients."""
        column, axis = np.divmod(self.order[factor.kept], self.n_features)
        left = np.zeros((axis.max() + 1, len(axis)))
        for number in np.flatnonzero(of_columns):
            own = np.flatnonzero(column == number)
            # what is kept of a column are its first axes, in order
            left[: len(own)] += of_columns[number] * factor.transform[:, own].T
        return left

    def add_weights(self, coefficients: np.ndarray, functions: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """
        Add features' weights of several functions Σ aⱼ (mⱼ + βⱼ).

        Parameters
        ----------
        coefficients
            Genes × coefficients.
        functions
            a of each, and what its weights are added to, in whose precision they are computed: genes × features.
        """
        kind = functions[0][1].dtype
        coefficients, axes = coefficients.astype(kind, copy=False), self.axes.astype(kind, copy=False)
        position = np.argsort(self.order).reshape(self.n_columns, self.n_features)
        used = coefficients.any(axis=0)
        for number, own in enumerate(position):
            # the last axes, of rough functions, are mostly 0 for all genes
            n = 1 + int(np.flatnonzero(used[own]).max(initial=0))
            column = coefficients[:, own[:n]] @ axes[:, :n].T
            for of_columns, total in functions:
                if of_columns[number] != 0:
                    total += kind.type(of_columns[number]) * column

    def left_out(self, of_columns: np.ndarray, point: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Prior variance over the noise of Σ aⱼ βⱼ in each axis, where a factor leaves it out; else 0."""
        n_states = int((kept < self.n_features).sum())
        n_effects = int((kept >= self.n_fixed).sum()) // max(self.n_columns - 1, 1)
        found = np.zeros(self.n_features)
        found[n_states:] += point[1] * of_columns[0] ** 2
        found[self.n_flat + n_effects :] += point[2] * (of_columns[1:] @ of_columns[1:])
        return found


@dataclass(frozen=True)
class Elimination:
    """What the fields of the samples take off sums and right-hand sides at one ratio to the noise."""

    numbers: list[int]
    """Directions of each block or, without blocks, sample."""
    of_squares: list[np.ndarray]
    """Factors of the squares of the sums in these directions, of each block."""
    maps: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    """Blocks that go the same way: which, the weight of each column of the design, and directions of all × axes."""


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
    # of two conditions exactly a half, so that no difference stays none
    helmert /= np.sqrt(2 * np.square(helmert).sum(axis=0))
    return np.column_stack([np.ones(len(conditions)), helmert[conditions]])


def with_constant(phi: np.ndarray) -> np.ndarray:
    """Features with a constant 1 before them; NaN for cells without a state."""
    constant = np.where(np.isfinite(phi).all(axis=1, keepdims=True), 1.0, np.nan)
    return np.hstack([constant, phi])
