"""Data of the calibration benchmark: real cells, planted changes, designs."""

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp

from kompot_scverse._stats.linear_model import SampleDesign

# sums over cells in memory, which the package itself takes from files in blocks
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "_fixtures"))
from moments import collect_neighborhood_moments

__all__ = [
    "DATA",
    "Cells",
    "collect_neighborhood_moments",
    "draw_split",
    "halves",
    "load_kang",
    "load_melanoma",
    "plant",
    "two_groups",
]

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
DETECTED = 0.05
"""Share of the cells in which a gene must be found."""
FOLD = 0.5
PLANTED = 0.1
"""Share of the genes that change."""


@dataclass(frozen=True)
class Cells:
    """Raw counts with everything a test needs."""

    counts: sp.csr_matrix
    totals: np.ndarray
    x: np.ndarray
    samples: np.ndarray
    labels: np.ndarray

    def expression(self, counts: sp.csr_matrix | None = None) -> sp.csr_matrix:
        """log1p CP10k by the totals before planting: size factors must not carry the planted change to other genes."""
        y = sp.diags(1e4 / self.totals) @ (self.counts if counts is None else counts)
        y.data = np.log1p(y.data)
        return y.tocsr()

    def annotated(self, y: sp.csr_matrix, late: np.ndarray, samples: np.ndarray | None = None) -> ad.AnnData:
        """What a user has: expression, representation, condition and sample of every cell."""
        obs = pd.DataFrame(
            {
                "condition": np.where(late, "late", "early"),
                "sample": (self.samples if samples is None else samples).astype(str),
            },
            index=np.arange(len(late)).astype(str),
        )
        var = pd.DataFrame(index=[f"gene{g}" for g in range(y.shape[1])])
        return ad.AnnData(y.astype(np.float32), obs=obs, var=var, obsm={"X_pca": np.asarray(self.x)})


def load_kang(condition: str | None = "ctrl") -> tuple[Cells, ad.AnnData]:
    """Cells of one condition, samples numbered by donor; or of both, samples by donor and condition."""
    adata = ad.read_h5ad(DATA / "kang_pbmc_ifnb.h5ad")
    if condition:
        adata = adata[adata.obs["condition"] == condition].copy()
    counts = sp.csr_matrix(adata.X).astype(float)
    detected = np.asarray((counts > 0).mean(axis=0)).ravel() >= DETECTED
    key = "donor" if condition else "sample"
    cells = Cells(
        counts[:, detected],
        np.asarray(counts.sum(axis=1)).ravel(),
        adata.obsm["X_pca_harmony"],
        np.unique(adata.obs[key].astype(str), return_inverse=True)[1],
        adata.obs["cell_type"].astype(str).to_numpy(),
    )
    return cells, adata


def load_melanoma(*, everyone: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Representation and sample number of the non-responders' cells, or of all patients'."""
    adata = ad.read_h5ad(DATA / "melanoma_daseq_embedding.h5ad")
    one = (adata.obs["condition"] == "Non-responder").to_numpy() | everyone
    samples = adata.obs["sample"].astype(str).to_numpy()[one]
    return np.asarray(adata.obsm["X_pca"], dtype=float)[one], np.unique(samples, return_inverse=True)[1]


def two_groups(n_samples: int, group: tuple[int, ...]) -> SampleDesign:
    matrix = np.column_stack([np.ones(n_samples), np.isin(np.arange(n_samples), group)])
    return SampleDesign(matrix.astype(float), np.array([0.0, 1.0]))


def halves(n_samples: int) -> list[tuple[int, ...]]:
    """Every way to split the samples into two equal halves, once."""
    return [g for g in itertools.combinations(range(n_samples), n_samples // 2) if 0 in g]


def draw_split(rng: np.random.Generator) -> tuple[int, ...]:
    splits = halves(8)
    return splits[rng.integers(len(splits))]


def plant(
    cells: Cells, group: tuple[int, ...], strength: np.ndarray, rng: np.random.Generator
) -> tuple[sp.csr_matrix, np.ndarray]:
    """Thin a tenth of the genes, half of them in the group and half in the rest, by FOLD where strength is 1.

    The genes are drawn from those detected in 5 % of the cells that change. Returns the counts and which genes changed.
    """
    detected = np.flatnonzero(np.asarray((cells.counts[strength > 0.5] > 0).mean(axis=0)).ravel() >= DETECTED)
    genes = rng.choice(detected, int(PLANTED * cells.counts.shape[1]), replace=False)
    side = np.zeros(cells.counts.shape[1], dtype=int)
    side[genes] = np.where(np.arange(len(genes)) % 2, 1, -1)
    coo = cells.counts.tocoo()
    hit = side[coo.col] == np.where(np.isin(cells.samples[coo.row], group), 1, -1)
    data = rng.binomial(coo.data.astype(int), np.where(hit, 1 - (1 - FOLD) * strength[coo.row], 1.0))
    return sp.csr_matrix((data, (coo.row, coo.col)), coo.shape), side != 0
