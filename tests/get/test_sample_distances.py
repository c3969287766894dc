"""Distances between samples as a table."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run
from scipy.spatial.distance import squareform

import kompot_scverse as kp
from kompot_scverse._runs.packed import pack_distances

KEPT = {
    "labels": ["a", "b", "a"], "conditions": ["Young", "Young", "Old"], "block": None,
    "matrix": [[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]], "contrast": [0.0, 1.0], "distances": pack_distances(squareform([1.0, 2.0, 3.0])),
}  # fmt: skip


def test_they_are_square_and_named_with_the_condition_where_one_label_is_in_both() -> None:
    adata = AnnData(np.zeros((3, 2)))
    add_run(adata, params={"sample_key": "donor"}, diagnostics={"samples": KEPT}, var={"mean_lfc": np.zeros(2)})
    found = kp.get.sample_distances(adata)
    assert found.index.to_list() == found.columns.to_list() == ["a (Young)", "b (Young)", "a (Old)"]
    np.testing.assert_allclose(found, [[0, 1, 2], [1, 0, 3], [2, 3, 0]], atol=1e-4)


def test_runs_that_kept_none_say_so() -> None:
    adata = AnnData(np.zeros((3, 2)))
    add_run(adata, params={"sample_key": "donor"}, var={"mean_lfc": np.zeros(2)})
    with pytest.raises(LookupError, match="No distances between the samples of run 0"):
        kp.get.sample_distances(adata)
