"""Conditions and samples of the cells: numbers by counting, and what a formula puts in their place."""

import numpy as np

from kompot_scverse._stats.design import ALL, ContrastDesign, Design, FormulaRows
from kompot_scverse._stats.effect import Effect
from kompot_scverse._stats.linear_model import SampleDesign

CODES = np.array([0, 0, 1, 1, 1, 2, -1, 3, 3, 3])
OF_SAMPLE = np.array([0, 0, 1, 2])
CONDITIONS = np.append(OF_SAMPLE, -1)[CODES]
PLAIN = Design("c", ("a", "b", "z"), CONDITIONS, "s", tuple("wxyz"), CODES, OF_SAMPLE, np.array([1, 0, 1, 1], bool))


def test_sizes_and_members_by_counting():
    assert PLAIN.sample_sizes().tolist() == [2, 3, 1, 3]
    assert PLAIN.condition_sizes().tolist() == [5, 1, 3]
    assert PLAIN.members(0).tolist() == [0, 1]
    assert PLAIN.members(0, usable=True).tolist() == [0]
    assert np.flatnonzero(~PLAIN.cells).tolist() == [6]


def test_conditions_are_described_by_cells_and_by_samples_that_count():
    assert PLAIN.described() == "a (5 cells, 1 samples), b (1 cells, 1 samples), z (3 cells, 1 samples)"


def test_sides_of_a_contrast_are_the_cells_of_two_conditions():
    first, second = PLAIN.sides(2)
    assert np.flatnonzero(first).tolist() == [0, 1, 2, 3, 4]
    assert np.flatnonzero(second).tolist() == [7, 8, 9]
    assert np.flatnonzero(PLAIN.compared(1)).tolist() == [0, 1, 2, 3, 4, 5]
    assert (PLAIN.reference, PLAIN.groups, PLAIN.smoothed) == ("a", ("b", "z"), ("a", "b", "z"))
    assert (PLAIN.title(2), PLAIN.effect(1)) == ("a to z", None)


def test_with_a_formula_all_cells_stand_on_both_sides_and_effects_for_groups():
    slope, stage = Effect("log age", np.array([0.0, 1])), Effect("stage", np.eye(2))
    rows = FormulaRows(("1", "age"), np.ones((4, 2)), (slope, stage))
    found = Design(
        "~ age", (ALL, slope.key, stage.key), np.where(CODES < 0, -1, 0), "s", tuple("wxyz"), CODES,
        np.zeros(4, dtype=int), np.ones(4, dtype=bool), rows,
    )  # fmt: skip
    assert (found.reference, found.groups, found.smoothed) == (None, ("log_age", "stage"), ())
    assert found.title(1) == "log age"
    for side in found.sides(2):
        np.testing.assert_array_equal(side, CODES >= 0)
    assert rows.directed == [slope]


def test_a_contrast_notes_only_what_there_is_to_say():
    matrix = SampleDesign(np.ones((2, 1)), np.ones(1))
    assert ContrastDesign(np.arange(2), matrix).notes() == {}
    assert ContrastDesign(np.arange(2), matrix, unpaired=("w",)).notes() == {"unpaired": ["w"]}
