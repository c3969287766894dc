"""Combination against the direct formula in exact arithmetic, rates against brute force."""

from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import false_discovery_control

from kompot_scverse._stats.combine import LARGEST_P, benjamini_hochberg, cauchy_combination, spatial_fdr

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
probabilities = st.floats(1e-290, 0.95)


def arctan(x: Decimal) -> Decimal:
    """Arctangent for 0 <= x by halving the angle and the power series."""
    halvings = 12
    for _ in range(halvings):
        x = x / (1 + (1 + x * x).sqrt())
    term, total, k = x, x, 1
    while abs(term) > Decimal(10) ** -330:
        term *= -x * x
        k += 2
        total += term / k
    return total * 2**halvings


def sine_cosine(x: Decimal) -> tuple[Decimal, Decimal]:
    """Both by their power series, for 0 <= x <= pi."""
    sine, cosine, term, k = Decimal(0), Decimal(0), Decimal(1), 0
    while k < 20 or abs(term) > Decimal(10) ** -330:
        sign = 1 if k % 4 < 2 else -1
        if k % 2:
            sine += sign * term
        else:
            cosine += sign * term
        k += 1
        term *= x / k
    return sine, cosine


def direct(pvalues: list[float]) -> float:
    """Liu & Xie's formula, word for word, with 340 digits."""
    getcontext().prec = 340
    statistic = Decimal(0)
    for p in pvalues:
        sine, cosine = sine_cosine(PI * Decimal(p))
        statistic += cosine / sine / len(pvalues)
    angle = arctan(abs(statistic)).copy_sign(statistic)
    return float(Decimal("0.5") - angle / PI)


# PI has 63 digits only: the difference 1/2 - arctan(T)/pi is then good to about 1e-60
@pytest.mark.parametrize(
    "pvalues",
    [[0.3, 0.5, 0.9], [1e-20, 0.5], [3e-16, 1e-16, 0.7], [1e-40, 1e-38, 0.95], [0.95, 0.94, 0.6], [1e-9, 0.2], [0.04]],
)
def test_combination_is_the_direct_formula(pvalues: list[float]) -> None:
    assert cauchy_combination(np.array(pvalues)) == pytest.approx(direct(pvalues), rel=1e-11, abs=0)


@given(probabilities, st.integers(1, 30))
def test_equal_p_combine_to_themselves(p: float, n: int) -> None:
    assert cauchy_combination(np.full(n, p)) == pytest.approx(p, rel=1e-9, abs=0)


@given(st.lists(probabilities, min_size=2, max_size=8), st.integers(0, 7), st.floats(0.01, 0.99))
def test_smaller_p_gives_smaller_combination_within_bounds(values: list[float], at: int, factor: float) -> None:
    p = np.array(values)
    combined = float(cauchy_combination(p))
    assert p.min() * (1 - 1e-9) <= combined <= p.max() * (1 + 1e-9)
    p[at % len(p)] *= factor
    assert cauchy_combination(p) <= combined * (1 + 1e-9)


def test_untested_do_not_count_and_weights_do() -> None:
    p = np.array([[0.01, np.nan, np.nan], [np.nan, np.nan, 0.2], [0.3, np.nan, 0.4]])
    found = cauchy_combination(p, axis=0)
    np.testing.assert_allclose(found[[0, 2]], [cauchy_combination(p[[0, 2], 0]), cauchy_combination(p[1:, 2])])
    assert np.isnan(found[1])
    by_weight = cauchy_combination(np.array([0.01, 0.3]), np.array([2.0, 1.0]))
    assert by_weight == pytest.approx(float(cauchy_combination(np.array([0.01, 0.01, 0.3]))), rel=1e-12)
    assert cauchy_combination(np.array([0.01, 0.3]), np.array([1.0, 0.0])) == pytest.approx(0.01)


def test_extremes_stay_finite_and_one_p_of_one_is_no_veto() -> None:
    assert 0 < cauchy_combination(np.array([0.0, 1.0])) < 1e-299
    assert cauchy_combination(np.array([1e-8, 1.0, 1.0])) < 1e-7
    assert cauchy_combination(np.ones(3)) == pytest.approx(LARGEST_P)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_combination_of_dependent_nulls_holds_its_level(correlation: float) -> None:
    rng = np.random.default_rng(0)
    z = np.sqrt(correlation) * rng.normal(size=(1, 100_000)) + np.sqrt(1 - correlation) * rng.normal(size=(12, 100_000))
    combined = cauchy_combination(2 * stats.norm.sf(np.abs(z)))
    # the approximation is for the tail; at 0.05 moderate correlation makes it slightly liberal (Liu & Xie 2020)
    assert np.mean(combined < 0.05) < 0.065
    assert 0.0007 < np.mean(combined < 0.001) < 0.0013


@given(st.lists(st.floats(1e-12, 1), min_size=1, max_size=30), st.integers(0, 2**31))
def test_spatial_fdr_with_equal_weights_is_benjamini_hochberg(values: list[float], seed: int) -> None:
    p = np.array(values)
    order = np.random.default_rng(seed).permutation(len(p))
    np.testing.assert_allclose(spatial_fdr(p, np.full(len(p), 3.0)), false_discovery_control(p), rtol=1e-9)
    np.testing.assert_allclose(benjamini_hochberg(p[order]), false_discovery_control(p)[order], rtol=1e-12)


def test_spatial_fdr_with_whole_weights_is_repetition() -> None:
    p, weights = np.array([0.001, 0.3, 0.02, np.nan, 0.04]), np.array([1, 4, 2, 5, 3])
    repeated = false_discovery_control(np.repeat(p[[0, 1, 2, 4]], weights[[0, 1, 2, 4]]))
    found = spatial_fdr(p, weights.astype(float))
    np.testing.assert_allclose(found[[0, 1, 2, 4]], repeated[[0, 1, 5, 7]], rtol=1e-12)
    assert np.isnan(found[3])


def test_rates_without_tests() -> None:
    empty = np.full(3, np.nan)
    assert np.isnan(benjamini_hochberg(empty)).all()
    assert np.isnan(spatial_fdr(empty, np.ones(3))).all()


def test_weighted_rates_divide_p_by_weights_of_one_on_average() -> None:
    p, weights = np.array([0.01, np.nan, 0.02, 0.03, 0.9]), np.array([2.0, 100.0, 6.0, 4.0, 4.0])
    by_hand = np.array([0.02, np.nan, 0.04 / 3, 0.03, 0.9])
    np.testing.assert_allclose(benjamini_hochberg(p, weights), benjamini_hochberg(by_hand), rtol=1e-12)
    np.testing.assert_array_equal(benjamini_hochberg(p, np.full(5, 7.0)), benjamini_hochberg(p))
    weights[2] = np.nan
    by_hand = np.array([0.01 * 10 / 6, np.nan, 0.02, 0.03 * 10 / 12, min(0.9 * 10 / 12, 1)])
    np.testing.assert_allclose(benjamini_hochberg(p, weights), benjamini_hochberg(by_hand), rtol=1e-12)
