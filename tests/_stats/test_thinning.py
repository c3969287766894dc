"""Expected log expression at a lower depth against scipy's binomial and Poisson distributions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kompot_scverse._stats.thinning import TABULATED, Thinning


def thinned_expression(counts, cells, unit, share) -> np.ndarray:
    found, large, thinning = np.empty(len(counts)), counts > TABULATED, Thinning(unit, share)
    found[~large] = thinning.few(counts[~large], cells[~large])
    found[large] = thinning.many(counts[large], cells[large])
    return found


def thinned(counts, unit: float, share: float) -> np.ndarray:
    counts = np.asarray(counts)
    return thinned_expression(counts, np.zeros(len(counts), dtype=int), np.array([unit]), np.array([share]))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.floats(0.01, 100), st.floats(0.02, 1))
def test_mean_over_the_binomial_distribution(count: int, unit: float, share: float) -> None:
    drawn = np.arange(count + 1)
    expected = stats.binom.pmf(drawn, count, share) @ np.log1p(unit / share * drawn)
    assert thinned([count], unit, share)[0] == pytest.approx(expected, abs=5e-4)


def test_everything_kept_is_the_expression_itself() -> None:
    counts = np.array([1, 2, 29, 30, 31, 32, 500])
    np.testing.assert_allclose(thinned(counts, 3.0, 1.0), np.log1p(3.0 * counts), rtol=1e-12)


@pytest.mark.parametrize("rate", [0.05, 1.0, 20.0, 90.0])
@pytest.mark.parametrize("share", [0.9, 0.4, 0.1])
def test_deep_cells_have_the_mean_of_shallow_ones(rate: float, share: float) -> None:
    """Poisson counts of a deep cell, thinned, and those of a cell that was sequenced less; the plain means differ."""
    unit, counts = 5.0, np.arange(1, 250)
    deep = stats.poisson.pmf(counts, rate) @ thinned(counts, unit, share)
    shallow = stats.poisson.pmf(counts, rate * share) @ np.log1p(unit / share * counts)
    assert deep == pytest.approx(shallow, abs=2e-5)
    assert abs(stats.poisson.pmf(counts, rate) @ np.log1p(unit * counts) - shallow) > 5e-4


def test_every_count_has_the_unit_and_share_of_its_cell() -> None:
    unit, share = np.array([1.0, 5.0, 20.0]), np.array([1.0, 0.5, 0.2])
    cells, counts = np.array([2, 0, 1, 1, 2]), np.array([1, 7, 40, 2, 60])
    found = thinned_expression(counts, cells, unit, share)
    alone = [thinned([n], unit[i], share[i])[0] for n, i in zip(counts, cells, strict=True)]
    np.testing.assert_allclose(found, alone, rtol=1e-12)
    assert len(thinned_expression(counts[:0], cells[:0], unit, share)) == 0
