"""Regions of the cell states."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._runs.regions import described, find_regions, region_labels

SOFT = np.array([[0.9, 0.1, 0.0], [0.4, 0.4, 0.2], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8], [np.nan] * 3])
TREE = [[0, 1], [2, 3]]


@pytest.fixture
def view():
    adata = AnnData(np.zeros((5, 2)))
    adata.obs["Age"] = ["Young", "Old", "Old", "Mid", "Old"]
    adata.obs["type"] = pd.Categorical(["T", "B", "B", "T", "B"])
    return add_run(adata, obsm={"neighborhoods": SOFT}, diagnostics={"neighborhood_tree": TREE})


def test_weights_of_nodes_are_those_of_their_neighborhoods(view) -> None:
    regions = find_regions(view)
    for region, parts in enumerate([[0], [1], [2], [0, 1], [0, 1, 2]]):
        np.testing.assert_allclose(regions.weights(region), SOFT[:, parts].sum(axis=1))


def test_cells_are_of_the_contrast_with_most_of_their_weight(view) -> None:
    regions = find_regions(view)
    np.testing.assert_array_equal(regions.compared, [True, True, True, False, False])
    np.testing.assert_array_equal(regions.cells(3), [True, True, True, False, False])
    np.testing.assert_array_equal(regions.cells(0), [True, False, False, False, False])
    assert not regions.cells(2).any()


def test_a_region_is_described_by_what_most_cells_are(view) -> None:
    regions, labels = find_regions(view), region_labels(view, "type")
    category, share = regions.composition(3, labels)
    assert (category, share) == ("B", pytest.approx(2 / 3))
    assert described(category, share) == regions.described(3, labels) == "B, 67 %"
    # of everything, the commonest category would look like the place of a change
    assert regions.described(4, labels) == "all cells"
    category, share = regions.composition(2, labels)
    assert (category, described(category, share)) == ("", "")
    assert np.isnan(share)


def test_runs_without_samples_have_none() -> None:
    view = add_run(AnnData(np.zeros((2, 2))), var={"mean_lfc": np.zeros(2)})
    with pytest.raises(LookupError, match="No regions of run 0 .*sample_key="):
        find_regions(view)
