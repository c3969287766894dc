"""Effects of any design on log densities: against a direct optimiser, two conditions, and other codings."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from kompot_scverse._gp.sample_ratio import EffectsFit, fit_sample_effects, fit_sample_ratio
from kompot_scverse._stats.design_matrix import canonical_design

BLOCKS = np.array([0, 0, 1])
N_SAMPLES = 10
AGE = np.linspace(20, 80, N_SAMPLES)
SEX = np.tile([0.0, 1], 5)
MATRIX = np.column_stack([np.ones(N_SAMPLES), AGE, SEX])
DESIGN, BACK = canonical_design(MATRIX)
Z = DESIGN[:, 1:]
SLOPE = np.array([0.03, 0.0, 0.0])


def draw(seed: int, between: float = 0.3, slope: np.ndarray = SLOPE) -> tuple[np.ndarray, np.ndarray]:
    """Log densities that are linear in normal features: the cells are normal with another mean."""
    rng = np.random.default_rng(seed)
    weights = (AGE - 50)[:, None] * slope + 0.5 * SEX[:, None] * [0, 1, 0] + between * rng.normal(size=(N_SAMPLES, 3))
    counts = rng.integers(150, 300, N_SAMPLES)
    phi = np.concatenate([rng.normal(size=(n, 3)) + w for n, w in zip(counts, weights, strict=True)])
    return phi, np.repeat(np.arange(N_SAMPLES), counts)


@pytest.fixture(scope="module")
def fitted() -> tuple[np.ndarray, np.ndarray, EffectsFit]:
    phi, codes = draw(0)
    return phi, codes, fit_sample_effects(phi, codes, Z, BLOCKS, samples=True)


def negative(theta: np.ndarray, phi: np.ndarray, codes: np.ndarray, effects: np.ndarray, own: np.ndarray):
    """Negative log posterior of effects, samples' fields and levels, and its gradient."""
    n = N_SAMPLES
    delta, u, level = theta[:6].reshape(2, 3), theta[6 : 6 + 3 * n].reshape(n, 3), theta[6 + 3 * n :]
    eta = level + phi @ (Z @ delta + u).T
    residual = np.eye(n)[codes] - softmax(eta, axis=1)
    score = residual.T @ phi
    value = (eta[np.arange(len(codes)), codes] - logsumexp(eta, axis=1)).sum()
    value -= np.sum(delta**2 / effects) / 2 + np.sum(u**2 / own) / 2 + level.sum() ** 2
    parts = [(Z.T @ score - delta / effects).ravel(), (score - u / own).ravel(), residual.sum(axis=0) - 2 * level.sum()]
    return -value, -np.concatenate(parts)


def test_mode_and_variance_are_those_of_the_joint_posterior(fitted) -> None:
    phi, codes, fit = fitted
    assert fit.sample_amplitudes is not None
    arguments = (phi, codes, fit.amplitudes[BLOCKS], fit.sample_amplitudes[BLOCKS])
    # weights whose prior variance is zero are zero in both
    assert (arguments[2] > 0).all()
    assert (arguments[3] > 0).all()
    size = 6 + 4 * N_SAMPLES
    mode = minimize(negative, np.zeros(size), arguments, jac=True, method="BFGS", options={"gtol": 1e-5}).x
    np.testing.assert_allclose(fit.weights, mode[:6].reshape(2, 3), atol=5e-3)
    steps = 1e-5 * np.eye(size)
    hessian = np.array([(negative(mode + s, *arguments)[1] - negative(mode - s, *arguments)[1]) / 2e-5 for s in steps])
    inverse = np.linalg.inv((hessian + hessian.T) / 2)[:6, :6]
    np.testing.assert_allclose(np.diag(fit.covariance), np.diag(inverse), rtol=0.2)


def test_two_conditions_are_the_ratio_of_their_densities() -> None:
    rng = np.random.default_rng(1)
    late, counts = np.arange(6) >= 3, np.full(6, 300)
    weights = rng.normal(size=(6, 3)) * 0.4 + np.where(late, 0.5, -0.5)[:, None] * [1.2, 0, 0]
    phi = np.concatenate([rng.normal(size=(n, 3)) + w for n, w in zip(counts, weights, strict=True)])
    codes = np.repeat(np.arange(6), counts)
    ratio = fit_sample_ratio(phi, codes, late, BLOCKS)
    fit = fit_sample_effects(phi, codes, np.where(late, 0.5, -0.5)[:, None], BLOCKS, samples=True).contrast(np.ones(1))
    np.testing.assert_allclose(fit.log_ratio(phi), ratio.log_ratio(phi), atol=2e-3)
    np.testing.assert_allclose(fit.variance(phi), ratio.variance(phi), rtol=0.02, atol=1e-4)


def test_slopes_are_found_and_covered() -> None:
    a = BACK[1, 1:]
    slopes, covered = [], []
    for seed in range(8):
        phi, codes = draw(100 + seed)
        fit = fit_sample_effects(phi, codes, Z, BLOCKS, samples=True).contrast(a)
        slopes.append(fit.weights[0])
        covered.append(abs(fit.weights[0] - SLOPE[0]) < 1.96 * np.sqrt(fit.covariance[0, 0]))
    assert np.mean(slopes) == pytest.approx(SLOPE[0], rel=0.25)
    assert np.mean(covered) >= 0.7


def test_another_coding_changes_nothing(fitted) -> None:
    phi, codes, fit = fitted
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(2, 2)))[0]
    other = fit_sample_effects(phi, codes, Z @ turn, BLOCKS, samples=True)
    a = BACK[1, 1:]
    first, second = fit.contrast(a), other.contrast(a @ turn)
    np.testing.assert_allclose(second.log_ratio(phi), first.log_ratio(phi), atol=1e-4)
    np.testing.assert_allclose(second.variance(phi), first.variance(phi), rtol=1e-3)
    assert second.null_probability == pytest.approx(first.null_probability, rel=1e-2, abs=1e-6)


def test_what_does_not_change_is_said_to() -> None:
    """Age does nothing, sex does: the evidence is of each by itself."""
    null = {"age": [], "sex": []}
    for seed in range(4):
        phi, codes = draw(200 + seed, between=0.05, slope=np.zeros(3))
        fit = fit_sample_effects(phi, codes, Z, BLOCKS, samples=True)
        for number, name in ((1, "age"), (2, "sex")):
            null[name].append(fit.contrast(BACK[number, 1:]).null_probability)
    assert np.mean(null["age"]) > 0.5
    assert np.mean(null["sex"]) < 0.05


def test_nothing_differs() -> None:
    rng = np.random.default_rng(0)
    phi, codes = rng.normal(size=(2000, 3)), np.repeat(np.arange(N_SAMPLES), 200)
    fit = fit_sample_effects(phi, codes, Z, BLOCKS, samples=False)
    contrast = fit.contrast(BACK[1, 1:])
    if not fit.amplitudes.any():
        np.testing.assert_array_equal(contrast.log_ratio(phi), 0)
        np.testing.assert_array_equal(contrast.variance(phi), 0)
        assert contrast.null_probability == 1
    assert np.abs(contrast.log_ratio(phi)).max() < 0.01
