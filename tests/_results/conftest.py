"""Fields of every slot."""

import numpy as np
import pytest

from kompot_scverse._runs.field import Field


@pytest.fixture
def fields(adata):
    n, p = adata.shape
    return [
        Field("obs", "k_std", "std", "an obs column", value=np.arange(n) * 1.0),
        Field("var", "base_mean", "mean", "a var column that exists", value=np.zeros(p)),
        Field("obsm", "k_basis", "basis", "features", value=np.ones((n, 2))),
        Field("varm", "k_weights", "weights", "weights", value=np.ones((p, 2))),
        Field("layers", "k_imputed", "imputed", "a layer", value=np.ones((n, p))),
    ]
