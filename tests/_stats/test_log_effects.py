"""Effects of a formula on log densities: of two conditions what their ratio is, and units and codings that do not matter."""

import numpy as np
import pytest

from kompot_scverse import GPSettings
from kompot_scverse._gp.states import fit_states
from kompot_scverse._stats.design import ALL, Design, FormulaRows
from kompot_scverse._stats.effect import Effect
from kompot_scverse._stats.log_effects import effects_abundance
from kompot_scverse._stats.log_ratio import ratio_abundance

N_SAMPLES = 6
RNG = np.random.default_rng(0)
CODES = np.repeat(np.arange(N_SAMPLES), 40).astype(np.int32)
AGE = np.array([20.0, 30, 40, 50, 60, 70])
LATE = (np.arange(N_SAMPLES) >= 3).astype(float)
X = RNG.normal(size=(240, 2))
X[:, 0] += AGE[CODES] / 30
SAMPLES = tuple(f"s{number}" for number in range(N_SAMPLES))


def formula(matrix: np.ndarray, *effects: Effect) -> Design:
    rows = FormulaRows(tuple(f"c{n}" for n in range(matrix.shape[1])), matrix, effects)
    codes = np.zeros(len(CODES), dtype=np.int32)
    usable = np.ones(N_SAMPLES, dtype=bool)
    conditions = (ALL, *(effect.key for effect in effects))
    return Design("f", conditions, codes, "s", SAMPLES, CODES, np.zeros(N_SAMPLES, dtype=int), usable, rows)


@pytest.fixture(scope="module")
def states():
    return fit_states(X, np.ones(len(X), dtype=bool), "X", GPSettings())


def test_an_effect_of_two_kinds_of_samples_is_the_log_ratio_of_their_densities(states):
    late = LATE[CODES].astype(np.int32)
    usable = np.ones(N_SAMPLES, dtype=bool)
    plain = Design("c", ("early", "late"), late, "s", SAMPLES, CODES, LATE.astype(int), usable)
    expected = ratio_abundance(states, plain)
    matrix = np.column_stack([np.ones(N_SAMPLES), LATE])
    found = effects_abundance(states, formula(matrix, Effect("late", np.array([0.0, 1.0]))))
    np.testing.assert_allclose(found.lfc, expected.lfc, atol=1e-8)
    np.testing.assert_allclose(found.variance, expected.variance, rtol=1e-8)
    assert found.null_probability == pytest.approx(expected.null_probability)
    # coded −2 and 2, the same change is four units
    coded = np.column_stack([np.ones(N_SAMPLES), 4 * LATE - 2])
    found = effects_abundance(states, formula(coded, Effect("late", np.array([0.0, 1.0]))))
    np.testing.assert_allclose(4 * found.lfc, expected.lfc, atol=1e-8)
    np.testing.assert_allclose(16 * found.variance, expected.variance, rtol=1e-8)


def test_a_slope_is_per_unit_and_rises_where_the_cells_move_to(states):
    matrix = np.column_stack([np.ones(N_SAMPLES), AGE])
    slope = Effect("age", np.array([0.0, 1.0]))
    found = effects_abundance(states, formula(matrix, slope))
    decades = effects_abundance(states, formula(np.column_stack([np.ones(N_SAMPLES), AGE / 10]), slope))
    # up to the level, at which densities that are one unit apart both have mass one
    difference = decades.lfc - 10 * found.lfc
    np.testing.assert_allclose(difference, difference[0, 0], atol=1e-8)
    assert abs(difference[0, 0]) < 0.01
    np.testing.assert_allclose(decades.variance, 100 * found.variance, rtol=0.05)
    assert np.corrcoef(found.lfc[0], X[:, 0])[0, 1] > 0.9


def test_levels_are_less_that_of_the_first_and_do_not_depend_on_the_coding(states):
    stages = np.eye(3)[np.arange(N_SAMPLES) // 2]
    treated = np.column_stack([np.ones(N_SAMPLES), stages[:, 1:]])
    of_levels = np.eye(3)
    of_levels[0, 0] = 0
    stage = Effect("stage", np.eye(3)[:, 1:], levels=tuple("abc"), of_levels=of_levels)
    found = effects_abundance(states, formula(treated, stage))
    levels = found.levels[0]
    assert levels.shape == (3, len(X))
    np.testing.assert_array_equal(levels[0], 0)
    assert np.isnan(found.lfc).all()
    assert np.corrcoef(levels[2], X[:, 0])[0, 1] > 0.8
    # with a column for each level, differences of the columns
    differences = np.array([[-1.0, -1], [1, 0], [0, 1]])
    cells = Effect("stage", differences, levels=tuple("abc"), of_levels=np.column_stack([np.zeros(3), differences]))
    other = effects_abundance(states, formula(stages, cells))
    np.testing.assert_allclose(other.levels[0], levels, atol=1e-6)
