"""The combination holds its level for correlated tests, and leaves alone what is exact."""

import numpy as np
import pytest
from scipy.special import ndtr, stdtr

from kompot_scverse._stats.calibrated_combination import calibrated, correlation_between
from kompot_scverse._stats.combine import cauchy_combination

LARGE = 1000


@pytest.mark.parametrize(("correlation", "df"), [(0.3, LARGE), (0.6, LARGE), (0.6, 4)])
def test_the_level_is_held(correlation: float, df: int) -> None:
    rng = np.random.default_rng(1)
    matrix = np.full((30, 30), correlation) + (1 - correlation) * np.eye(30)
    z, *residuals = rng.multivariate_normal(np.zeros(30), matrix, size=(1 if df == LARGE else 1 + df, 100_000))
    p = stdtr(df, -np.abs(z) / np.sqrt(np.square(residuals).mean(axis=0))) if residuals else ndtr(-np.abs(z))
    combined = cauchy_combination(2 * p, axis=1)
    assert (combined < 0.05).mean() > 0.058
    df = np.full(30, df)
    found = calibrated(combined, matrix, np.ones(30), df)
    for level in (0.01, 0.05, 0.3):
        assert (found < level).mean() == pytest.approx(level, rel=0.1)
    # the order stays, and very small ones keep their size
    assert (np.diff(found[np.argsort(combined)]) >= 0).all()
    tiny = calibrated(np.array([1e-20, 1e-10, np.nan]), matrix, np.ones(30), df)
    assert tiny[1] / tiny[0] == pytest.approx(1e10)
    assert 1 < tiny[0] / 1e-20 < 1.6
    assert np.isnan(tiny[2])


def test_one_test_many_times_is_that_test() -> None:
    p = np.array([1e-6, 0.003, 0.05, 0.4])
    np.testing.assert_allclose(calibrated(p, np.ones((5, 5)), np.ones(5), np.full(5, 7)), p, rtol=0.06)


def test_signs_of_eigenvectors_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    correlation = np.corrcoef(rng.normal(size=(6, 9)))
    p, eigh = np.geomspace(1e-4, 0.9, 20), np.linalg.eigh
    expected = calibrated(p, correlation, np.ones(6))

    def turned(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, vectors = eigh(matrix)
        return values, vectors * np.array([-1, 1, -1, -1, 1, -1])

    monkeypatch.setattr(np.linalg, "eigh", turned)
    np.testing.assert_allclose(calibrated(p, correlation, np.ones(6)), expected, rtol=1e-12)


def test_the_correlation_is_that_over_the_genes_that_two_tests_have() -> None:
    rng = np.random.default_rng(2)
    matrix = np.array([[1, 0.7, 0.2], [0.7, 1, 0.4], [0.2, 0.4, 1.0]])
    z = rng.multivariate_normal(np.zeros(3), matrix, size=3000).T
    z[0, :1000] = np.nan
    z[2, 2900:] = np.nan
    np.testing.assert_allclose(correlation_between(z), matrix, atol=0.06)
    # a gene with a huge change counts as one gene
    z[:2, 1500] = 1e6
    np.testing.assert_allclose(correlation_between(z), matrix, atol=0.06)
    assert correlation_between(np.array([[1.0, np.nan], [np.nan, 1.0]]))[0, 1] == pytest.approx(1)
