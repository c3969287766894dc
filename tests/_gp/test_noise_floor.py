"""Where a noise is let through, the posterior is that of long arithmetic."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from given_noise import fit_cells

from kompot_scverse._gp.noise_floor import check_noise, noise_floor
from kompot_scverse._stats.mahalanobis import distances_from

as_decimal = np.vectorize(lambda value: Decimal(float(value)), otypes=[object])
SIGMAS = (1e-8, 1e-6, 1e-5, 1e-4, 1e-2, 1.0, 1e3, 1e6)


def solve(a, b):
    """Gauss-Jordan elimination with pivots."""
    a, b = a.copy(), b.copy()
    for i in range(len(a)):
        p = i + int(np.argmax(np.abs(a[i:, i])))
        a[[i, p]], b[[i, p]] = a[[p, i]], b[[p, i]]
        b[i], a[i] = b[i] / a[i, i], a[i] / a[i, i]
        for j in (j for j in range(len(a)) if j != i):
            b[j], a[j] = b[j] - a[j, i] * b[i], a[j] - a[j, i] * a[i]
    return b


def long_distance(phis, ys, sigma, factor):
    """Mahalanobis distance by its definition, in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        identity, noise = as_decimal(np.eye(phis[0].shape[1])), Decimal(sigma) ** 2
        weights, total = [], as_decimal(factor) @ as_decimal(factor).T
        for phi, y in zip(map(as_decimal, phis), map(as_decimal, ys), strict=True):
            covariance = solve(phi.T @ phi / noise + identity, identity)
            weights.append(covariance @ (phi.T @ y) / noise)
            total = total + covariance
        delta = weights[1] - weights[0]
        return float((delta @ solve(total, delta[:, None])[:, 0]).sqrt())


@pytest.fixture(scope="module")
def problem():
    """Features of two conditions, one of fewer cells than features, and a variance between replicates."""
    rng = np.random.default_rng(0)
    shape = np.geomspace(1, 1e-3, 8)
    phis = [rng.normal(size=(n, 8)) * shape for n in (5, 60)]
    factor = rng.normal(size=(8, 3))
    return phis, [rng.normal(size=len(phi)) for phi in phis], factor - factor.mean(axis=1, keepdims=True)


def ours(phis, ys, sigma, factor):
    fit = fit_cells(phis, [y[:, None] for y in ys], sigma)
    distances = distances_from(fit.fold_change_covariance(1), fit.fold_change(1))
    return distances(factor[None], slice(None))[0]


@pytest.mark.parametrize("sigma", SIGMAS)
def test_right_or_refused(problem, sigma):
    phis, ys, factor = problem
    grams = np.stack([phi.T @ phi for phi in phis])
    if sigma < noise_floor(grams):
        with pytest.raises(ValueError, match=f"`sigma={sigma:g}` is too small"):
            check_noise(grams, sigma)
        return
    check_noise(grams, sigma)
    assert ours(phis, ys, sigma, factor) == pytest.approx(long_distance(phis, ys, sigma, factor), rel=1e-4)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_any_noise_where_the_cells_determine_all_features(problem, sigma):
    (_, phi), (_, y), factor = problem
    phis, ys = (phi[:30], phi[30:]), (y[:30], y[30:])
    check_noise(np.stack([one.T @ one for one in phis]), sigma)
    assert ours(phis, ys, sigma, factor) == pytest.approx(long_distance(phis, ys, sigma, factor), rel=1e-6)


def test_the_message_names_a_noise_that_is_let_through(problem):
    grams = np.stack([phi.T @ phi for phi in problem[0]])
    with pytest.raises(ValueError, match="at least 1e-0") as caught:
        check_noise(grams, 1e-9)
    check_noise(grams, float(str(caught.value).split("at least ")[1].split()[0]))
