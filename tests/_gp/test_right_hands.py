"""Right-hand sides against those of all cells written out."""

import numpy as np
import pytest
from dense_model import CONDITIONS, N_GENES, Case

from kompot_scverse._gp.right_hands import RightHands


@pytest.mark.parametrize("conditions", list(CONDITIONS))
def test_right_hand_sides_and_squares_are_those_of_the_cells(conditions: str):
    case = Case(CONDITIONS[conditions])
    hands = RightHands(case.model, case.sums)
    rotated, columns = case.features @ case.model.axes, case.design[case.codes]
    x = (columns[:, :, None] * rotated[:, None]).reshape(len(rotated), -1)[:, case.model.order]
    centred = case.y - case.y.mean(axis=0)
    np.testing.assert_allclose(hands.total, np.square(centred).sum(axis=0), rtol=1e-9)
    assert not hands.flat.any()
    # the directions of a larger ratio are more, and those known already are used again
    for sample in (0.0, 0.05, 4.0, 0.05):
        precision = np.linalg.inv(np.eye(len(x)) + sample * case.alike * (case.features @ case.features.T))
        expected = centred.T @ precision @ x
        if sample == 4:
            # of few genes alone, and then of all
            np.testing.assert_allclose(hands.at(sample, np.array([2]))[0][2], expected[2], atol=1e-8)
        right, squares = hands.at(sample, np.arange(N_GENES))
        np.testing.assert_allclose(right, expected, atol=1e-8)
        np.testing.assert_allclose(squares, np.einsum("ig,ij,jg->g", centred, precision, centred), rtol=1e-9)
