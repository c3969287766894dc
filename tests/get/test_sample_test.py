"""One permutation test of the distances between samples."""

import numpy as np
from anndata import AnnData
from made_up import add_run

import kompot_scverse as kp
from kompot_scverse._runs.packed import pack_distances, unpack_distances


def test_the_statistic_is_that_of_anderson_over_all_permutations() -> None:
    points = np.array([[0.0, 0], [0.2, 0.1], [0.1, 0.3], [2, 2], [2.1, 1.8], [1.9, 2.2]])
    # in the steps in which they are stored
    distances = unpack_distances(pack_distances(np.linalg.norm(points[:, None] - points, axis=2)))
    late = np.arange(6) >= 3
    kept = {
        "labels": list("abcdef"), "conditions": ["Young"] * 3 + ["Old"] * 3, "block": None,
        "matrix": np.column_stack([np.ones(6), late]).tolist(), "contrast": [0.0, 1.0],
        "distances": pack_distances(distances),
    }  # fmt: skip
    adata = AnnData(np.zeros((6, 1)))
    add_run(adata, params={"sample_key": "donor"}, diagnostics={"samples": kept}, var={"mean_lfc": np.zeros(1)})
    found = kp.get.sample_test(adata)
    # sums of squares by pairs (Anderson 2001): all, and within the groups
    total = np.square(distances[np.triu_indices(6, 1)]).sum() / 6
    within = sum(np.square(distances[np.ix_(own, own)])[np.triu_indices(3, 1)].sum() / 3 for own in (late, ~late))
    np.testing.assert_allclose(found["pseudo_f"], (total - within) / (within / 4), rtol=1e-8)
    np.testing.assert_allclose(found["r_squared"], (total - within) / total, rtol=1e-8)
    assert (found["n_permutations"], found["exact"]) == (20, True)
    # the groups are the best split, as is the same with the names exchanged
    assert found["pvalue"] == found["smallest_pvalue"] == 0.1
