"""A study with three planted patterns of change over the cell states."""

import numpy as np
import pandas as pd
from anndata import AnnData

PER_PATTERN, N_GENES = 16, 120


def planted(seed: int = 0, n_cells: int = 960) -> tuple[AnnData, np.ndarray]:
    """
    Eight samples, four of them late; 16 genes change on one end of an arc, 16 on the other, and 16 along an axis.

    Returns
    -------
    The data, with log counts in X, states in obsm["X_pca"], obs `time`, `sample` and `part` (thirds of the arc), and the pattern of
    each gene, -1 for none.
    """
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(8), n_cells // 8)
    along, across = rng.uniform(0, 1, (2, n_cells))
    late = codes >= 4
    patterns = [np.exp(-(((along - 0.15) / 0.15) ** 2)), -np.exp(-(((along - 0.85) / 0.15) ** 2)), across]
    truth = np.full(N_GENES, -1)
    log_rate = rng.normal(0.7, 0.4, N_GENES) + 0.2 * rng.normal(size=(8, N_GENES))[codes]
    for number, pattern in enumerate(patterns):
        genes = slice(number * PER_PATTERN, (number + 1) * PER_PATTERN)
        truth[genes] = number
        log_rate[:, genes] += 1.4 * rng.uniform(0.7, 1.3, PER_PATTERN) * (pattern * late)[:, None]
    obs = {
        "time": pd.Categorical(np.where(late, "late", "early")),
        "sample": pd.Categorical([f"s{code}" for code in codes]),
        "part": pd.Categorical(np.array(["left", "middle", "right"])[(along * 3).astype(int)]),
    }
    adata = AnnData(
        np.log1p(rng.poisson(np.exp(log_rate))).astype(np.float32),
        obs=pd.DataFrame(obs, index=[f"cell{i}" for i in range(n_cells)]),
        var=pd.DataFrame(index=[f"gene{i}" for i in range(N_GENES)]),
    )
    adata.obsm["X_pca"] = np.column_stack([np.cos(3 * along), np.sin(3 * along), across])
    adata.obsm["X_umap"] = np.column_stack([along, across])
    return adata, truth
