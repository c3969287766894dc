"""One method on draws of a folder, in the method's own environment (see `serve.py`).

A draw has counts in X, their logs in the layer `log`, and in obs `condition`, `sample`, `cell_type` and, for held-out cells,
`fitted`. Found are p- and q-values of the genes; or the means per type of the effects at the cells that were not fitted.
"""

from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
from serve import Found, serve

MIN_CELLS, MIN_SAMPLES = 10, 2


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    q = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known])]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q


def combined(pvalues: np.ndarray) -> Found:
    """Over the rows (types or neighbourhoods), by the Cauchy combination with equal weights."""
    known = np.isfinite(pvalues)
    clipped = np.clip(np.where(known, pvalues, 0.5), 1e-300, 1 - 1e-6)
    # 1 / (pi p) is the tangent to within rounding where p is very small
    terms = np.where(clipped < 1e-12, 1 / (np.pi * clipped), np.tan((0.5 - clipped) * np.pi))
    mean = np.where(known, terms, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    p = np.where(mean > 1e10, 1 / (np.pi * np.maximum(mean, 1)), 0.5 - np.arctan(mean) / np.pi)
    p = np.where(known.any(axis=0), p, np.nan)
    return {"p": p, "q": benjamini_hochberg(p)}


def per_type(adata: ad.AnnData, test: Callable[[np.ndarray, pd.DataFrame], np.ndarray]) -> Found:
    """A test of sums of counts per sample in every annotated type that has enough samples on both sides."""
    found = []
    counts = adata.X.tocsr()
    for _, rows in adata.obs.reset_index(drop=True).groupby("cell_type", observed=True):
        sizes = rows.groupby("sample", observed=True).size()
        samples = sizes.index[sizes >= MIN_CELLS]
        conditions = rows.groupby("sample", observed=True)["condition"].first()[samples].astype(str)
        if min((conditions == c).sum() for c in ("early", "late")) < MIN_SAMPLES:
            continue
        sums = np.array([counts[rows.index[rows["sample"] == s]].sum(axis=0).A1 for s in samples])
        obs = pd.DataFrame({"condition": pd.Categorical(conditions, ["early", "late"])}, index=samples.astype(str))
        enough = sums.sum(axis=0) >= 10
        p = np.full(adata.n_vars, np.nan)
        p[enough] = test(sums[:, enough], obs)
        found.append(p)
    return combined(np.array(found))


def per_held_out_type(adata: ad.AnnData, effect: np.ndarray) -> Found:
    """Means of the effects at the cells that were not fitted."""
    types = adata.obs["cell_type"].astype(str).to_numpy()[~adata.obs["fitted"].to_numpy()]
    names = np.unique(types)
    return {"types": names.astype("U"), "effect": np.array([effect[types == t].mean(axis=0) for t in names])}


def pydeseq2(adata: ad.AnnData) -> Found:
    import pertpy as pt

    def test(sums: np.ndarray, obs: pd.DataFrame) -> np.ndarray:
        names = np.arange(sums.shape[1]).astype(str)
        model = pt.tl.PyDESeq2(ad.AnnData(sums, obs=obs, var=pd.DataFrame(index=names)), design="~condition")
        model.fit(n_cpus=1, quiet=True)
        contrast = model.contrast(column="condition", baseline="early", group_to_compare="late")
        return (
            model.test_contrasts(contrast, n_cpus=1, quiet=True)
            .set_index("variable")["p_value"]
            .reindex(names)
            .to_numpy()
        )

    return per_type(adata, test)


def edgepython(adata: ad.AnnData) -> Found:
    import edgepython as ep

    def test(sums: np.ndarray, obs: pd.DataFrame) -> np.ndarray:
        design = np.column_stack([np.ones(len(obs)), obs["condition"] == "late"]).astype(float)
        data = ep.calc_norm_factors(ep.make_dgelist(sums.T))
        data = ep.estimate_disp(data, design)
        result = ep.glm_ql_ftest(ep.glm_ql_fit(data, design), coef=1)
        return np.asarray(result["table"]["PValue"])

    return per_type(adata, test)


def milo(adata: ad.AnnData) -> Found:
    """`de_nhoods` in about 30 neighbourhoods; a gene's p-values are combined over them."""
    import pertpy as pt
    import scanpy as sc

    sc.pp.neighbors(adata, n_neighbors=30, use_rep="X_pca", transformer="sklearn")
    tool = pt.tl.Milo()
    mdata = tool.load(adata)
    tool.make_nhoods(mdata["rna"], prop=30 / adata.n_obs, seed=0)
    mdata = tool.count_nhoods(mdata, sample_col="sample")
    table = tool.de_nhoods(
        mdata, "~condition", column="condition", baseline="early", group_to_compare="late", fit_kwargs={"n_cpus": 1}
    )
    p = table.pivot(index="nhood", columns="variable", values="p_value")[adata.var_names].to_numpy()
    return combined(p)


def kompot(adata: ad.AnnData) -> Found:
    import kompot as peer

    if "fitted" in adata.obs:
        model = peer.DifferentialExpression()
        x, y = np.asarray(adata.obsm["X_pca"]), adata.layers["log"].toarray()
        fitted, late = adata.obs["fitted"].to_numpy(), (adata.obs["condition"] == "late").to_numpy()
        model.fit(x[fitted & ~late], y[fitted & ~late], x[fitted & late], y[fitted & late])
        return per_held_out_type(adata, np.asarray(model.predict(x[~fitted])["fold_change"]))
    adata.X = adata.layers["log"]
    peer.de(adata, "condition", "early", "late", obsm_key="X_pca")
    var, name = adata.var, "kompot_de_early_to_late_mahalanobis"
    q = var[f"{name}_local_fdr"].to_numpy()
    return {"p": var[f"{name}_pvalue"].to_numpy() if f"{name}_pvalue" in var else np.full(len(q), np.nan), "q": q,
            "score": -var[name].to_numpy()}  # fmt: skip


def pylemur(adata: ad.AnnData) -> Found:
    """Effects at cells; genes are ranked by their mean square over the cells."""
    import pylemur as peer

    adata.X = adata.layers["log"].toarray()
    adata.obs["condition"] = adata.obs["condition"].astype(str)
    fitted = adata.obs["fitted"].to_numpy() if "fitted" in adata.obs else np.ones(adata.n_obs, dtype=bool)
    model = peer.tl.LEMUR(adata[fitted].copy(), design="~ condition", n_embedding=15)
    model.fit(verbose=False)
    model.align_with_harmony(verbose=False)
    held_out = "fitted" in adata.obs
    place = model.transform(adata[~fitted].copy()) if held_out else model.embedding
    late, early = (model.predict(embedding=place, new_condition=model.cond(condition=c)) for c in ("late", "early"))
    effect = np.asarray(late - early)
    if held_out:
        return per_held_out_type(adata, effect)
    nothing = np.full(adata.n_vars, np.nan)
    return {"p": nothing, "q": nothing, "score": -np.square(effect).mean(axis=0)}


def ours(adata: ad.AnnData) -> Found:
    import kompot_scverse as kp

    call = {"groupby": "condition", "reference": "early", "groups": "late", "use_rep": "X_pca", "layer": "log"}
    mask = adata.obs["fitted"].to_numpy() if "fitted" in adata.obs else None
    kp.tl.de(adata, **call, sample_key="sample", mask_obs=mask)
    if mask is not None:
        return per_held_out_type(adata, kp.get.layer(adata, "fold_change")[~mask])
    table = kp.get.de_df(adata).loc[adata.var_names]
    return {"p": table["pvalue"].to_numpy(), "q": table["qvalue"].to_numpy()}


METHODS = {
    "kp.tl.de": (ours, ["kompot_scverse"]),
    "pseudobulk, pydeseq2": (pydeseq2, ["pertpy"]),
    "pseudobulk, edgePython": (edgepython, ["edgepython"]),
    "Milo, de_nhoods": (milo, ["pertpy", "scanpy"]),
    "kompot 0.8": (kompot, ["kompot"]),
    "pylemur": (pylemur, ["pylemur"]),
}


if __name__ == "__main__":
    serve(METHODS)
