"""Tests of the genes without replicates: about the cells."""

import numpy as np

from kompot_scverse._gp.sample_sums import SampleSums
from kompot_scverse._stats.combine import cauchy_combination
from kompot_scverse._stats.design import Design
from kompot_scverse._stats.design_matrix import with_unit_columns
from kompot_scverse._stats.effect import Effect
from kompot_scverse._stats.score_testing import score_test


def cell_tests(sums: SampleSums, design: Design) -> list[np.ndarray]:
    """Values of p of every gene, for every contrast."""
    return [_cell_test(sums, design, number) for number in range(1, len(design.conditions))]


def _cell_test(sums: SampleSums, design: Design, number: int) -> np.ndarray:
    """The score test of a condition against the first, or of an effect of a formula."""
    effect = design.effect(number)
    if effect is not None:
        return _effect_test(sums, design, effect)
    members = np.concatenate([design.members(0), design.members(number)])
    if len(members) == len(sums.gram):
        # in their own order: a choice of all would be a copy
        return score_test(sums, design.sample_conditions == number)
    own = SampleSums(sums.gram[members], sums.cross[members], sums.square[members], sums.rounding)
    return score_test(own, design.sample_conditions[members] == number)


def _effect_test(sums: SampleSums, design: Design, effect: Effect) -> np.ndarray:
    """The score test of an effect, adjusted for the rest of the design; several contrasts are combined."""
    assert design.formula is not None
    matrix = with_unit_columns(design.formula.matrix)
    contrasts = effect.contrast / np.linalg.norm(design.formula.matrix, axis=0).reshape(
        -1, *[1] * (effect.contrast.ndim - 1)
    )
    cells = sums.gram[:, 0, 0]
    # what least squares takes of each row for the contrasts; orthogonal to all that is not tested
    rows = (matrix @ np.linalg.solve((matrix.T * cells) @ matrix, contrasts)).reshape(len(matrix), -1)
    root = np.sqrt(cells)[:, None]
    directions = np.linalg.qr(rows * root)[0] / root
    # as far apart as two conditions of the same number of cells
    scaled = directions * np.sqrt(cells.sum()) / 2
    return cauchy_combination(np.stack([score_test(sums, column) for column in scaled.T]))
