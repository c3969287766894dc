"""Support where the truth is known: by counting, and for a population of one condition."""

import numpy as np

from kompot_scverse._gp.over_cells import BLOCK
from kompot_scverse._stats.support import EFFECT_VARIANCE, SUPPORTED, SupportMap, fit_support, sides_of

BOTH = [np.array([0]), np.array([1])]


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
    support = fit_support(x, codes, [BOTH]).at(x, BOTH)
    assert (support[population == 3] < SUPPORTED).all()
    assert (support[population < 3] > SUPPORTED).all()
    # of the condition that has cells there it is known
    assert (fit_support(x, codes, [BOTH]).at(x, BOTH[:1]) > 0.4).all()


def test_one_neighbourhood_is_the_posterior_of_one_level() -> None:
    """Bayesian regression on a constant, written out; 14 cells are too few for two neighbourhoods."""
    rng = np.random.default_rng(1)
    x, codes = rng.normal(size=(24, 2)), np.repeat([0, 1], [14, 10])
    support = fit_support(x, codes, [BOTH])
    assert support.n_cells.shape == (2, 1)
    posterior = 1 / (1 / EFFECT_VARIANCE + 10)
    np.testing.assert_allclose(support.at(x, BOTH), 1 - posterior / EFFECT_VARIANCE)


def test_three_conditions_are_asked_for_their_own_sides() -> None:
    x, codes, population = populations()
    codes = np.where((codes == 1) & (population < 2), 2, codes)
    contrasts = [[np.array([0]), np.array([one])] for one in (1, 2)]
    found = fit_support(x, codes, contrasts)
    first, second = (found.at(x, sides) for sides in contrasts)
    assert (first[population < 2] < SUPPORTED).all()
    assert (second[population < 2] > SUPPORTED).all()
    np.testing.assert_array_equal(found.at(x, [*contrasts[0], contrasts[1][1]]), np.minimum(first, second))


def test_samples_of_a_side_add_up():
    x, codes, _ = populations()
    samples = 2 * codes + np.random.default_rng(0).integers(0, 2, len(codes))
    sides = [np.array([0, 1]), np.array([2, 3])]
    np.testing.assert_allclose(
        fit_support(x, samples, [sides]).at(x, sides), fit_support(x, codes, [BOTH]).at(x, BOTH), rtol=1e-9
    )


def test_sides_are_what_an_estimate_adds_and_takes_off():
    group = np.array([0, 0, 1, 1, 2, 2])
    matrix = np.column_stack([np.ones(6), group == 1, group == 2]).astype(float)
    sides = sides_of(matrix, np.array([0.0, 0.0, 1.0]))
    assert [side.tolist() for side in sides] == [[4, 5], [0, 1]]
    several = sides_of(matrix, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert [side.tolist() for side in several] == [[2, 3], [0, 1], [4, 5], [0, 1]]
    slope = sides_of(np.column_stack([np.ones(5), np.arange(5.0)]), np.array([0.0, 1.0]))
    assert [side.tolist() for side in slope] == [[3, 4], [0, 1]]


def test_cells_without_a_state_have_no_support_and_blocks_change_nothing() -> None:
    x, codes, _ = populations()
    found = fit_support(x, codes, [BOTH])
    many = np.tile(x, (1 + 2 * BLOCK // len(x), 1))
    many[7] = np.nan
    support = found.at(many, BOTH)
    assert np.flatnonzero(np.isnan(support)).tolist() == [7]
    np.testing.assert_allclose(support[-len(x) :], found.at(x, BOTH))


def test_more_cells_support_more() -> None:
    x, codes, _ = populations()
    neighborhoods = fit_support(x, codes, [BOTH]).neighborhoods
    few, many = (SupportMap(neighborhoods, np.full((2, 12), count)).at(x, BOTH) for count in (3, 30))
    np.testing.assert_allclose(few, 0.3 / 1.3)
    np.testing.assert_allclose(many, 0.75)
