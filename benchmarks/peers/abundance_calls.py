"""Calls of one method, made in its own environment (see `serve.py`): calls with their direction, and scores of the cells.

Milo: a cell is called, with the sign of the mean log fold change, if on average the neighbourhoods that contain it have a
spatial FDR of at most 0.1, as Milo's authors carry neighbourhoods over to cells by all that contain them. CNA: a cell is
called if the association of its neighbourhood has an FDR of at most 0.1 and the global test of the samples p <= 0.1; without
that test, as `CNA, local FDR only`. Kompot: the directions of its defaults, with the variance between samples.
"""

import anndata as ad
import numpy as np
from serve import Found, serve

LEVEL = 0.1


def milo(adata: ad.AnnData) -> Found:
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
    calls = np.where(mean_fdr <= LEVEL, np.sign(effect), 0)
    return {"calls": calls.astype(np.int8), "score": np.where(number > 0, 1 - mean_fdr, 0)}


def cna(adata: ad.AnnData, *, gated: bool = True) -> Found:
    import cna as peer
    import scanpy as sc

    sc.pp.neighbors(adata, n_neighbors=30, use_rep="X_pca", transformer="sklearn")
    late = adata.obs.groupby("sample", observed=True)["condition"].first().eq("late").astype(float)
    p = peer.tl.association(adata, late, "sample", allow_low_sample_size=True, seed=0)
    effect = adata.obs["coef"].fillna(0).to_numpy()
    called = (adata.obs["coef_fdr"].fillna(1).to_numpy() <= LEVEL) & (not gated or p <= LEVEL)
    return {"calls": np.where(called, np.sign(effect), 0).astype(np.int8), "score": np.abs(effect)}


def kompot(adata: ad.AnnData) -> Found:
    import kompot as peer

    peer.da(adata, "condition", "early", "late", obsm_key="X_pca", sample_col="sample")
    name = "kompot_da_early_to_late_"
    direction = adata.obs[f"{name}lfc_direction_sample_var"].astype(str).map({"down": -1, "up": 1}).fillna(0)
    score = adata.obs[f"{name}neg_log10_lfc_ptp_sample_var"].to_numpy()
    return {"calls": direction.to_numpy(dtype=np.int8), "score": score}


def ours(adata: ad.AnnData) -> Found:
    import kompot_scverse as kp

    kp.tl.da(adata, "condition", reference="early", groups="late", sample_key="sample", use_rep="X_pca")
    table = kp.get.da_df(adata).reindex(adata.obs_names)
    direction = table["direction"].astype(str).map({"down": -1, "up": 1}).fillna(0)
    score = 1e-6 * table["lfc_zscore"].abs().to_numpy() - table["qvalue"].fillna(1).to_numpy()
    return {"calls": direction.to_numpy(dtype=np.int8), "score": score}


METHODS = {
    "kp.tl.da": (ours, ["kompot_scverse"]),
    "Milo": (milo, ["pertpy", "scanpy"]),
    "CNA": (cna, ["cna", "scanpy"]),
    "CNA, local FDR only": (lambda adata: cna(adata, gated=False), ["cna", "scanpy"]),
    "kompot 0.8": (kompot, ["kompot"]),
}


if __name__ == "__main__":
    serve(METHODS)
