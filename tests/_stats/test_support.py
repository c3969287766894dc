"""Support where the truth is known: by counting, and for a population of one condition."""

import numpy as np

from kompot_scverse._stats.support import BLOCK, EFFECT_VARIANCE, SUPPORTED, SupportMap, fit_support


def populations(seed: int = 0, n: int = 120) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Four far apart populations of two conditions; the last has cells of the first condition only."""
    rng = np.random.default_rng(seed)
    population = np.repeat(np.arange(4), n)
    x = rng.normal(size=(4 * n, 5)) + 8 * np.eye(5)[population]
    codes = np.tile([0, 1], 2 * n)
    codes[population == 3] = 0
    return x, codes, population


def test_a_population_of_one_condition_has_no_support_and_the_others_have() -> None:
    x, codes, population = populations()
    support = fit_support(x, codes, 2).of_conditions(x, [0, 1])
    assert (support[population == 3] < SUPPORTED).all()
    assert (support[population < 3] > SUPPORTED).all()
    # of the condition that has cells there it is known
    assert (fit_support(x, codes, 2).of_conditions(x, [0]) > 0.4).all()


def test_one_neighbourhood_is_the_posterior_of_one_level() -> None:
    """Bayesian regression on a constant, written out; 14 cells are too few for two neighbourhoods."""
    rng = np.random.default_rng(1)
    x, codes = rng.normal(size=(24, 2)), np.repeat([0, 1], [14, 10])
    support = fit_support(x, codes, 2)
    assert support.known.shape == (2, 1)
    posterior = 1 / (1 / EFFECT_VARIANCE + 10)
    np.testing.assert_allclose(support.of_conditions(x, [0, 1]), 1 - posterior / EFFECT_VARIANCE)


def test_three_conditions_are_asked_for_their_own_sides() -> None:
    x, codes, population = populations()
    codes = np.where((codes == 1) & (population < 2), 2, codes)
    found = fit_support(x, codes, 3)
    support = {sides: found.of_conditions(x, sides) for sides in ((0, 1), (0, 2), (0, 1, 2))}
    assert (support[0, 1][population < 2] < SUPPORTED).all()
    assert (support[0, 2][population < 2] > SUPPORTED).all()
    np.testing.assert_array_equal(support[0, 1, 2], np.minimum(support[0, 1], support[0, 2]))


def test_cells_without_a_state_have_no_support_and_blocks_change_nothing() -> None:
    x, codes, _ = populations()
    found = fit_support(x, codes, 2)
    many = np.tile(x, (1 + 2 * BLOCK // len(x), 1))
    many[7] = np.nan
    support = found.of_conditions(many, [0, 1])
    assert np.flatnonzero(np.isnan(support)).tolist() == [7]
    np.testing.assert_allclose(support[-len(x) :], found.of_conditions(x, [0, 1]))


def test_more_cells_support_more() -> None:
    x, codes, _ = populations()
    neighborhoods = fit_support(x, codes, 2).neighborhoods
    few, many = (SupportMap(neighborhoods, np.full((2, 12), count)).of_conditions(x, [0, 1]) for count in (3, 30))
    np.testing.assert_allclose(few, 0.3 / 1.3)
    np.testing.assert_allclose(many, 0.75)
