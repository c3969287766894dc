"""Groups of genes by the shape of their change, where the truth is planted."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from kompot_scverse._stats.programs import GENES_IN_TREE, Programs, field_shapes, find_programs, stability


def shapes_of(truth: np.ndarray, seed: int = 0, noise: float = 0.3, size: int = 12) -> np.ndarray:
    """Orthogonal patterns with noise about as long as that times them; -1 is noise alone."""
    rng = np.random.default_rng(seed)
    patterns = np.linalg.qr(rng.normal(size=(size, size)))[0]
    found = np.where(truth[:, None] >= 0, patterns[truth], 0) + noise * rng.normal(size=(len(truth), size)) / size**0.5
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("n_planted", [2, 3, 5])
def test_planted_groups_are_found_with_their_number(n_planted: int) -> None:
    truth = np.random.default_rng(n_planted).permutation(np.repeat(np.arange(n_planted), 20))
    found = find_programs(shapes_of(truth))
    assert found.labels.max() + 1 == n_planted
    assert adjusted_rand_score(truth, found.labels) > 0.95
    assert (found.scores > 0.7).all()


def test_some_genes_without_a_pattern_do_not_hide_the_others() -> None:
    truth = np.random.default_rng(0).permutation(np.concatenate([np.repeat(np.arange(3), 20), np.full(5, -1)]))
    found = find_programs(shapes_of(truth))
    planted = truth >= 0
    assert adjusted_rand_score(truth[planted], found.labels[planted]) > 0.8
    assert found.scores[~planted].mean() < 0.6 < found.scores[planted].mean()


def test_genes_of_one_shape_and_genes_of_none_are_one_group() -> None:
    assert find_programs(shapes_of(np.zeros(50, dtype=int))).labels.tolist() == [0] * 50
    assert find_programs(shapes_of(np.full(50, -1))).labels.tolist() == [0] * 50


def test_up_and_down_are_different_programs() -> None:
    up = shapes_of(np.zeros(20, dtype=int))
    found = find_programs(np.vstack([up, -up[:12]]))
    assert found.labels.tolist() == [0] * 20 + [1] * 12


def test_the_number_can_be_given_and_the_largest_comes_first() -> None:
    truth = np.repeat([0, 1, 2], [10, 30, 20])
    found: Programs = find_programs(shapes_of(truth), 3)
    assert [int(truth[found.labels == program][0]) for program in range(3)] == [1, 2, 0]
    assert find_programs(shapes_of(truth)[:1]).labels.tolist() == [0]


def test_genes_beyond_the_tree_go_to_the_nearest_program() -> None:
    truth = np.random.default_rng(1).integers(0, 2, GENES_IN_TREE + 500)
    found = find_programs(shapes_of(truth), 2)
    assert adjusted_rand_score(truth, found.labels) > 0.99


def test_stability_is_high_for_what_is_there_only() -> None:
    shapes = shapes_of(np.random.default_rng(2).permutation(np.repeat(np.arange(3), 20)))
    assert stability(shapes, 3) > 0.95
    assert stability(shapes, 6) < 0.6


def test_products_of_shapes_are_correlations_of_the_fields_over_cells() -> None:
    rng = np.random.default_rng(0)
    features, weights = rng.normal(size=(200, 5)), rng.normal(size=(7, 5))
    features[:, 4] = features[:, 3]
    fields = features @ weights.T
    length = np.sqrt((fields**2).sum(axis=0))
    weights[6] = 0
    shapes = field_shapes(weights, features.T @ features)
    np.testing.assert_allclose((shapes @ shapes.T)[:6, :6], ((fields.T @ fields) / np.outer(length, length))[:6, :6])
    assert not shapes[6].any()
