"""A MuData whose modalities have other cells in another order."""

import anndata as ad
import mudata as md
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def mdata() -> md.MuData:
    """rna: cells c0 to c5; prot: c4, c0, c7, c2, c1."""
    rng = np.random.default_rng(0)
    parts = {}
    for mod, cells, names in (("rna", [0, 1, 2, 3, 4, 5], "ABC"), ("prot", [4, 0, 7, 2, 1], "DE")):
        obs = pd.DataFrame({"condition": [f"k{n % 2}" for n in cells]}, index=[f"c{n}" for n in cells])
        x = rng.normal(size=(len(cells), len(names))).astype(np.float32)
        parts[mod] = ad.AnnData(x, obs=obs, var=pd.DataFrame(index=list(names)))
        parts[mod].obsm["X_pca"] = np.asarray(cells, dtype=float)[:, None] * [1, 10]
    parts["rna"].obs["only_rna"] = np.arange(6)
    whole = md.MuData(parts)
    whole.obsm["X_joint"] = np.array([[float(name[1:])] for name in whole.obs_names])
    return whole
