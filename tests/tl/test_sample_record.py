"""What a run keeps of its samples."""

import numpy as np
import pytest

from kompot_scverse._runs.sample_distances import stored_distances
from kompot_scverse._stats.design import ContrastDesign, Design
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse.tl._sample_record import donors_of, sample_names, sample_record

LABELS = ("a", "b", "a", "c")
CONDITIONS = np.array([0, 0, 1, 1])
DESIGN = Design("Age", ("Young", "Old"), CONDITIONS, "donor", LABELS, np.arange(4), CONDITIONS, np.ones(4, dtype=bool))
MATRIX = np.column_stack([np.ones(4), CONDITIONS]).astype(float)


def contrast(block: np.ndarray | None = None) -> ContrastDesign:
    return ContrastDesign(np.arange(4), SampleDesign(MATRIX, np.array([0.0, 1.0]), block))


def test_samples_of_one_label_are_told_apart_by_their_condition() -> None:
    assert sample_names(DESIGN, contrast()) == ["a (Young)", "b (Young)", "a (Old)", "c (Old)"]
    part = ContrastDesign(np.array([1, 3]), SampleDesign(MATRIX[[1, 3]], np.array([0.0, 1.0])))
    assert sample_names(DESIGN, part) == ["b", "c"]


def test_donors_are_samples_unless_the_test_pairs_or_blocks() -> None:
    np.testing.assert_array_equal(donors_of(DESIGN, contrast(), paired=False)[0], np.arange(4))
    numbers, names = donors_of(DESIGN, contrast(), paired=True)
    assert [names[number] for number in numbers] == list(LABELS)
    numbers, names = donors_of(DESIGN, contrast(np.array([5, 9, 9, 5])), paired=False)
    np.testing.assert_array_equal(numbers, [0, 1, 1, 0])
    assert names == ["a, c", "b, a"]


@pytest.mark.parametrize("paired", [False, True])
def test_the_record_is_read_back(paired: bool) -> None:
    distances = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0) ** 2))
    distances = distances + distances.T
    np.fill_diagonal(distances, 0)
    kept = sample_record(DESIGN, contrast(), distances, paired=paired)

    class View:
        """As far as it is read."""

        class run:
            params = {"sample_key": "donor"}
            diagnostics = kept

        def check_one_modality(self) -> None:
            pass

    found = stored_distances(View())
    np.testing.assert_allclose(found.distances, distances, rtol=1e-4)
    np.testing.assert_array_equal(found.design.matrix, MATRIX)
    assert found.names == ["a (Young)", "b (Young)", "a (Old)", "c (Old)"]
    assert (found.block is not None) == paired
