"""Calls of Milo (pertpy), made in its own environment: reads states.npz and designs.npz of a folder and writes calls.npz.

A cell is called, with the sign of the mean log fold change, if on average the neighbourhoods that contain it have a spatial
FDR of at most the level, as Milo's authors carry neighbourhoods over to cells by all that contain them.
"""

import sys
import time
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pertpy as pt
import scanpy as sc

LEVEL = 0.1


def main() -> None:
    folder = Path(sys.argv[1])
    x = np.load(folder / "states.npz")["x"]
    designs = np.load(folder / "designs.npz")
    calls, seconds = [], []
    for late, samples in zip(designs["late"], designs["samples"], strict=True):
        start = time.perf_counter()
        obs = pd.DataFrame(
            {"condition": np.where(late, "late", "early"), "sample": samples.astype(str)},
            index=np.arange(len(x)).astype(str),
        )
        adata = ad.AnnData(np.zeros((len(x), 1), dtype=np.float32), obs=obs, obsm={"X_pca": x})
        sc.pp.neighbors(adata, n_neighbors=30, use_rep="X_pca", transformer="sklearn")
        milo = pt.tl.Milo()
        mdata = milo.load(adata)
        milo.make_nhoods(mdata["rna"], prop=0.1, seed=0)
        mdata = milo.count_nhoods(mdata, sample_col="sample")
        milo.da_nhoods(mdata, design="~condition", model_contrasts=None, solver="pydeseq2")
        table = mdata["milo"].var
        member = mdata["rna"].obsm["nhoods"].astype(float)
        fdr, change = table["SpatialFDR"].fillna(1).to_numpy(), table["logFC"].fillna(0).to_numpy()
        number = np.maximum(np.asarray(member.sum(axis=1)).ravel(), 1)
        in_any = np.asarray(member.sum(axis=1)).ravel() > 0
        mean_fdr = np.where(in_any, member @ fdr / number, 1.0)
        calls.append(np.where(mean_fdr <= LEVEL, np.sign(member @ change), 0).astype(np.int8))
        seconds.append(time.perf_counter() - start)
    np.savez(folder / "calls.npz", calls=np.array(calls), seconds=np.array(seconds))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
