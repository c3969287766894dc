"""Lazy layers in scanpy's hands."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from kompot_scverse._stats.lazy_layers import GENES, lazy_product

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")


def test_scanpy_aggregates_a_layer_with_all_genes_in_one_chunk():
    import scanpy as sc

    rng = np.random.default_rng(0)
    phi = rng.standard_normal((40, 3)).astype(np.float32)
    weights = rng.standard_normal((GENES + 8, 3)).astype(np.float32)
    adata = AnnData(np.zeros((40, GENES + 8), dtype=np.float32))
    adata.obs["type"] = pd.Categorical(np.repeat(["a", "b"], [15, 25]))
    layer = lazy_product(phi, weights)
    assert layer.numblocks == (1, 2)
    adata.layers["change"] = layer.rechunk({1: -1})
    found = sc.get.aggregate(adata, "type", "mean", layer="change").layers["mean"]
    means = np.stack([phi[:15].mean(axis=0), phi[15:].mean(axis=0)])
    np.testing.assert_allclose(np.asarray(found), means @ weights.T, atol=1e-5)
