"""Layers of new runs are dropped, those of earlier ones stay."""

import numpy as np
from anndata import AnnData
from made_up import add_run

from kompot_scverse._cli.layers import drop_layers


def test_only_layers_of_new_runs_are_dropped() -> None:
    adata = AnnData(np.zeros((3, 2)))
    add_run(adata, key_added="a", layers={"fold_change": np.zeros((3, 2))})
    factor = np.zeros((2, 2, 1))
    add_run(adata, key_added="b", layers={"fold_change": np.zeros((3, 2))}, varm={"group_sample_weights": factor})
    drop_layers(adata, before=[0])
    assert [key for key in adata.layers if key] == ["a_fold_change"]
    # what the layers are built from stays
    assert list(adata.varm) == ["b_group_sample_weights"]


def test_nothing_to_drop() -> None:
    adata = AnnData(np.zeros((3, 2)))
    add_run(adata, var={"mean_lfc": np.zeros(2)})
    drop_layers(adata)
    assert list(adata.var) == ["k_mean_lfc"]
