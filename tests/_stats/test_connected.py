"""Connected groups where the truth is laid out."""

import numpy as np

from kompot_scverse._stats.connected import connected_groups


def line(*parts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Cells on a line, in stretches of one direction: (direction, cells)."""
    directions = np.concatenate([np.full(n, side) for side, n in parts])
    return np.arange(len(directions), dtype=float)[:, None], directions


def test_stretches_with_others_between_them_are_apart_and_sorted_by_size():
    x, directions = line((1, 30), (0, 20), (1, 50), (-1, 40), (0, 10))
    found = connected_groups(x, directions, n_neighbors=5, min_cells=10)
    assert found.tolist() == [2] * 30 + [0] * 20 + [1] * 50 + [1] * 40 + [0] * 10


def test_few_unchanged_cells_do_not_separate_and_small_groups_are_left_out():
    x, directions = line((1, 30), (0, 2), (1, 30), (0, 20), (1, 5))
    found = connected_groups(x, directions, n_neighbors=10, min_cells=10)
    assert found.tolist() == [1] * 30 + [0] * 2 + [1] * 30 + [0] * 25


def test_nothing_called_is_no_group_and_few_cells_are_all_neighbours():
    x, directions = line((0, 10))
    assert not connected_groups(x, directions, 15, 1).any()
    x, directions = line((1, 3), (-1, 2))
    assert connected_groups(x, directions, 15, 1).tolist() == [1] * 5
