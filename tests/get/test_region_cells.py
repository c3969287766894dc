"""Weights of cells in a region."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run

import kompot_scverse as kp

SOFT = np.array([[0.9, 0.1, 0.0], [0.4, 0.4, 0.2], [np.nan] * 3])


@pytest.fixture
def adata() -> AnnData:
    data = AnnData(np.zeros((3, 2)))
    add_run(data, obsm={"neighborhoods": SOFT}, diagnostics={"neighborhood_tree": [[0, 2], [1, 3]]})
    return data


def test_weights_are_the_sum_over_the_neighborhoods_of_the_region(adata: AnnData) -> None:
    found = kp.get.region_cells(adata, 3)
    np.testing.assert_allclose(found, SOFT[:, [0, 2]].sum(axis=1))
    assert found.index.equals(adata.obs_names)
    np.testing.assert_allclose(kp.get.region_cells(adata, 4), [1, 1, np.nan])


@pytest.mark.parametrize("region", [-1, 5])
def test_regions_that_do_not_exist(adata: AnnData, region: int) -> None:
    with pytest.raises(ValueError, match=f"`region` must be from 0 to 4, not {region}"):
        kp.get.region_cells(adata, region)
