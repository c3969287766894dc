"""Small problems of the varying-coefficient model, with the dense covariances of their cells as witness."""

import numpy as np

from kompot_scverse._gp.sample_sums import SampleSums
from kompot_scverse._gp.varying_coefficients import VaryingCoefficients, contrast_design

RANK, N_GENES = 4, 5
CONDITIONS = {"two": [0, 0, 1, 1, 1], "three": [0, 0, 1, 1, 2, 2], "two, samples of one donor": [0, 1, 0, 1, 1, 0, 1]}
DONORS = {"two, samples of one donor": [0, 0, 1, 1, 1, 2, 3]}
SHARE = 0.6
"""Of the variance of the fields of samples of one donor, what they have in common."""
POINTS = np.array([[0.0, 0.1, 0.0], [0.0, 3.0, 1.0], [0.2, 1.0, 0.3], [1.0, 10.0, 0.0], [0.01, 0.01, 0.02]])
"""Ratios to the noise of the samples, the state and the effects."""


class Case:
    """A small problem: features, samples, expression, and its dense covariances."""

    def __init__(self, conditions: list[int], seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.conditions = np.array(conditions)
        n_samples = len(conditions)
        self.codes = np.repeat(np.arange(n_samples), rng.integers(6, 12, n_samples))
        n = len(self.codes)
        self.phi = rng.normal(size=(n, RANK)) / np.sqrt(RANK)
        self.features = np.column_stack([np.ones(n), self.phi])
        own = rng.normal(size=(n_samples, N_GENES))
        trend = self.phi @ rng.normal(size=(RANK, N_GENES)) * 2
        change = (self.conditions[self.codes] == 1)[:, None] * (self.phi @ rng.normal(size=(RANK, N_GENES)))
        self.y = trend + change + own[self.codes] + rng.normal(size=(n, N_GENES)) + 3
        self.design = contrast_design(self.conditions)
        self.sums = sample_sums(self.features, self.y, self.codes, n_samples)
        donors = next((DONORS[name] for name, one in CONDITIONS.items() if one is conditions and name in DONORS), None)
        block = None if donors is None else np.array(donors)
        self.model = VaryingCoefficients(
            self.sums.gram, self.design, (0.0, 0.0), block, 0.0 if block is None else SHARE
        )
        alike = np.eye(n_samples)
        if block is not None:
            alike = np.where(block[:, None] == block, SHARE, 0.0) + (1 - SHARE) * alike
        self.alike = alike[np.ix_(self.codes, self.codes)]
        """Correlation of the fields of the samples of any two cells."""

    def covariance(self, sample: float, state: float, effect: float) -> np.ndarray:
        """Covariance of the cells over the noise variance."""
        k, x = self.phi @ self.phi.T, self.design[self.codes]
        total = np.eye(len(k)) + state * k + sample * (1 + k) * self.alike
        return total + effect * k * (x[:, 1:] @ x[:, 1:].T)

    def generalized_least_squares(self, point: np.ndarray):
        """Flat coefficients, residuals, REML log likelihood with the noise at its best, and the inverse covariance."""
        c, x = self.covariance(*point), self.design[self.codes]
        inverse = np.linalg.inv(c)
        information = x.T @ inverse @ x
        fixed = np.linalg.solve(information, x.T @ inverse @ self.y)
        residual = self.y - x @ fixed
        squares = np.einsum("ig,ij,jg->g", residual, inverse, residual)
        df = len(x) - x.shape[1]
        log = -0.5 * (df * np.log(squares) + np.linalg.slogdet(c)[1] + np.linalg.slogdet(information)[1])
        return fixed, residual, squares / df, log, inverse


def sample_sums(features: np.ndarray, y: np.ndarray, codes: np.ndarray, n_samples: int) -> SampleSums:
    own = [codes == sample for sample in range(n_samples)]
    gram = np.stack([features[rows].T @ features[rows] for rows in own])
    return SampleSums(
        gram, np.stack([y[rows].T @ features[rows] for rows in own]), np.stack([(y[rows] ** 2).sum(0) for rows in own])
    )


class SmoothCase:
    """Cells on a line with a smooth basis, most of whose directions the cells tell nothing about."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        conditions = np.array([0, 0, 1, 1])
        codes, x = np.repeat(np.arange(4), 60), rng.random(240)
        places = np.linspace(0, 1, 25)
        kernel = np.exp(-np.square(np.subtract.outer(places, places)) / 0.5) + 1e-9 * np.eye(25)
        cross = np.exp(-np.square(np.subtract.outer(x, places)) / 0.5)
        self.features = np.column_stack([np.ones(240), np.linalg.solve(np.linalg.cholesky(kernel), cross.T).T])
        size = np.array([0, 0.3, 1, 3, 10, 0.3])
        signal = np.sin(5 * x)[:, None] * size + (conditions[codes] * x)[:, None] * np.array([0, 0, 0.5, 0, 2, 3])
        y = signal + 0.3 * rng.normal(size=(4, 6))[codes] + rng.normal(size=(240, 6)) + 5
        self.sums = sample_sums(self.features, y, codes, 4)
        self.design = contrast_design(conditions)
        self.model = VaryingCoefficients(self.sums.gram, self.design)
        self.exact = VaryingCoefficients(self.sums.gram, self.design, tolerances=(0.0, 0.0))
