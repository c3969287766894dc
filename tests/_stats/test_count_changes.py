"""Fold changes of counts in the mean of logs, against simulated counts."""

import numpy as np
import pytest

from kompot_scverse._stats.count_changes import changed_level, count_shape, count_unit, poisson_moments

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("unit", [0.8, 5.0])
def test_levels_noise_and_slope_are_those_of_counts(unit: float) -> None:
    for rate in (0.02, 0.3, 4.0, 40.0):
        before, after = (np.log1p(unit * RNG.poisson(one, 400_000)) for one in (rate, 2 * rate))
        near = np.log1p(unit * RNG.poisson(rate * 1.05, 400_000)).mean() / before.mean()
        found = changed_level(np.array([before.mean()]), np.log(2), unit)
        assert found.level[0] == pytest.approx(after.mean(), rel=0.02)
        assert found.noise[0] == pytest.approx(after.std() / before.std(), rel=0.04)
        variance, moves = count_shape(np.array([before.mean()]), unit)
        assert variance[0] == pytest.approx(before.var(), rel=0.05)
        if rate == 0.02:
            # as many as the mean
            assert moves[0] == pytest.approx(before.mean(), rel=0.05)
            # proportional to the counts
            assert found.slope[0] == pytest.approx(2, rel=0.08)
            assert near == pytest.approx(1.05, rel=0.05)
    # beyond the table the logarithm is all there is, and nothing changes without a change
    far = poisson_moments(unit)[0][-1] + 2
    assert changed_level(np.array([far]), 0.7, unit).level[0] == pytest.approx(far + 0.7)
    low = poisson_moments(unit)[0][0] / 5
    assert changed_level(np.array([low]), 0.7, unit).level[0] == pytest.approx(low * np.exp(0.7))
    np.testing.assert_allclose(changed_level(np.array([0.01, 0.5, 3]), 0.0, unit).level, [0.01, 0.5, 3], rtol=1e-6)


def test_the_unit_is_found_from_the_variance_of_weakly_expressed_genes() -> None:
    rates = RNG.lognormal(-1.5, 1.2, 200)
    y = np.log1p(4.0 * RNG.poisson(rates, (3000, 200)))
    assert count_unit(y.mean(axis=0), y.std(axis=0)) == pytest.approx(4.0, rel=0.1)
    assert count_unit(np.zeros(3), np.zeros(3)) == 1.0
