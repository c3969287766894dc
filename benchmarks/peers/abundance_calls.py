"""Calls of one method, made in its own environment: reads states.npz and designs.npz of a folder and writes calls.npz.

    python abundance_calls.py METHOD FOLDER

Milo: a cell is called, with the sign of the mean log fold change, if on average the neighbourhoods that contain it have a
spatial FDR of at most 0.1, as Milo's authors carry neighbourhoods over to cells by all that contain them. CNA: a cell is
called if the association of its neighbourhood has an FDR of at most 0.1 and the global test of the samples p <= 0.1; without
that test, as `CNA, local FDR only`. Kompot: the directions of its defaults, with the variance between samples.
"""

import logging
import sys
import time
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

LEVEL = 0.1


def milo(adata: ad.AnnData) -> tuple[np.ndarray, np.ndarray]:
    import pertpy as pt
    import scanpy as sc

    sc.pp.neighbors(adata, n_neighbors=30, use_rep="X_pca", transformer="sklearn")
    tool = pt.tl.Milo()
    mdata = tool.load(adata)
    tool.make_nhoods(mdata["rna"], prop=0.1, seed=0)
    mdata = tool.count_nhoods(mdata, sample_col="sample")
    tool.da_nhoods(mdata, design="~condition", model_contrasts=None, solver="pydeseq2")
    table = mdata["milo"].var
    member = mdata["rna"].obsm["nhoods"].astype(float)
    fdr, change = table["SpatialFDR"].fillna(1).to_numpy(), table["logFC"].fillna(0).to_numpy()
    number = np.asarray(member.sum(axis=1)).ravel()
    mean_fdr = np.where(number > 0, member @ fdr / np.maximum(number, 1), 1.0)
    effect = member @ change / np.maximum(number, 1)
    return np.where(mean_fdr <= LEVEL, np.sign(effect), 0), np.where(number > 0, 1 - mean_fdr, 0)


def cna(adata: ad.AnnData, *, gated: bool = True) -> tuple[np.ndarray, np.ndarray]:
    import cna as peer
    import scanpy as sc

    sc.pp.neighbors(adata, n_neighbors=30, use_rep="X_pca", transformer="sklearn")
    late = adata.obs.groupby("sample", observed=True)["condition"].first().eq("late").astype(float)
    p = peer.tl.association(adata, late, "sample", allow_low_sample_size=True, seed=0)
    effect = adata.obs["coef"].fillna(0).to_numpy()
    called = (adata.obs["coef_fdr"].fillna(1).to_numpy() <= LEVEL) & (not gated or p <= LEVEL)
    return np.where(called, np.sign(effect), 0), np.abs(effect)


def kompot(adata: ad.AnnData) -> tuple[np.ndarray, np.ndarray]:
    import kompot as peer

    peer.da(adata, "condition", "early", "late", obsm_key="X_pca", sample_col="sample")
    name = "kompot_da_early_to_late_"
    direction = adata.obs[f"{name}lfc_direction_sample_var"].astype(str).map({"down": -1, "up": 1}).fillna(0)
    return direction.to_numpy(), adata.obs[f"{name}neg_log10_lfc_ptp_sample_var"].to_numpy()


def ours(adata: ad.AnnData) -> tuple[np.ndarray, np.ndarray]:
    import kompot_scverse as kp

    kp.tl.da(adata, "condition", reference="early", groups="late", sample_key="sample", use_rep="X_pca")
    table = kp.get.da_df(adata).reindex(adata.obs_names)
    direction = table["direction"].astype(str).map({"down": -1, "up": 1}).fillna(0)
    return direction.to_numpy(), -table["qvalue"].fillna(1).to_numpy() + 1e-6 * table["lfc_zscore"].abs().to_numpy()


METHODS = {
    "kp.tl.da": ours,
    "Milo": milo,
    "CNA": cna,
    "CNA, local FDR only": lambda adata: cna(adata, gated=False),
    "kompot 0.8": kompot,
}


def peak_memory() -> float:
    """Largest memory of this process in GB, without that of the one that started it, which `getrusage` would count."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e9


def main() -> None:
    method, folder = METHODS[sys.argv[1]], Path(sys.argv[2])
    x = np.load(folder / "states.npz")["x"]
    designs = np.load(folder / "designs.npz")
    calls, scores, seconds = [], [], []
    for late, samples in zip(designs["late"], designs["samples"], strict=True):
        obs = pd.DataFrame(
            {
                "condition": pd.Categorical(np.where(late, "late", "early")),
                "sample": pd.Categorical(samples.astype(str)),
            },
            index=np.arange(len(x)).astype(str),
        )
        adata = ad.AnnData(np.zeros((len(x), 1), dtype=np.float32), obs=obs, obsm={"X_pca": x})
        start = time.process_time()
        call, score = method(adata)
        seconds.append(time.process_time() - start)
        calls.append(np.asarray(call, dtype=np.int8))
        scores.append(score)
    peak = peak_memory()
    np.savez(folder / "calls.npz", calls=np.array(calls), scores=np.array(scores), seconds=np.array(seconds), peak=peak)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    main()
