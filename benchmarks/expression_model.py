"""Local fold changes: held-out cells, simulated truth, and the test of the cells. Run: python benchmarks/expression_model.py

Prints four tables.

1. Half of the cells of a study are fitted; the error is the mean square of the log fold change per cell type (of more
   than 60 cells in each condition, 25 in the small studies) against the difference of the means in the other half. Models: that of Kompot, the default with and
   without samples, and the means per annotated type of the fitted half, which are given the labels. Data: `../shared/data`.
2. `kp.datasets.simulate`: correlation with the truth, and size of the fold change where nothing changes; share of the 90 %
   intervals of unchanged genes that contain 0.
3. Changes of four shapes added to the log expression of 60 genes each, between three donors and three others of the controls
   of Kang et al.: slope on the truth, error per cell and share of the 90 % intervals that contain it, over three draws.
4. p-values of the cells between random halves of the controls of Kang et al., and their correlation between two such splits.
"""

import argparse
import logging
import time
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import scanpy as sc
from scipy.stats import spearmanr

import kompot_scverse as kp

DATA = Path("../shared/data")
KOMPOT = kp.GPSettings.kompot()
N_LAYERS_OFF = kp.StorageSettings(layers=None)


def kang() -> ad.AnnData:
    adata = ad.read_h5ad(DATA / "kang_pbmc_ifnb.h5ad")
    adata.obs["group"] = adata.obs["condition"].astype(str)
    return adata


def liver() -> ad.AnnData:
    adata = ad.read_h5ad(DATA / "tms_liver_aging.h5ad")
    adata.obs["group"] = adata.obs["condition"].astype(str)
    return adata


def oligodendrocytes() -> ad.AnnData:
    adata = ad.read_h5ad(DATA / "oligodendrocyte_marques.h5ad")
    adata = adata[adata.obs["region"] == "hypothalamus"].copy()
    adata.obs["group"] = adata.obs["condition"].astype(str)
    return adata


def prepare(adata: ad.AnnData, n_components: int, use_rep: str | None) -> ad.AnnData:
    """Log-normalised, genes that are expressed in more than 20 cells of each condition, a representation `X_use`."""
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    groups = adata.obs["group"].unique()
    expressed = [
        np.asarray((adata.X[(adata.obs["group"] == g).to_numpy()] > 0).sum(axis=0)).ravel() > 20 for g in groups
    ]
    adata = adata[:, np.logical_and.reduce(expressed)].copy()
    if use_rep is None:
        sc.pp.pca(adata, n_comps=n_components)
        use_rep = "X_pca"
    adata.obsm["X_use"] = np.asarray(adata.obsm[use_rep][:, :n_components], dtype=np.float64)
    return adata


def fold_change(adata: ad.AnnData, reference: str, group: str, **arguments) -> ad.AnnData:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = adata.copy()
        kp.tl.de(
            found, "group", reference=reference, groups=group, use_rep="X_use", storage=N_LAYERS_OFF, key_added="k",
            **arguments,
        )  # fmt: skip
        return found


def held_out(
    name: str,
    adata: ad.AnnData,
    reference: str,
    group: str,
    sample_key: str,
    marker: str | None = None,
    min_cells: int = 60,
) -> None:
    y = adata.X.toarray()
    types = adata.obs["cell_type"].astype(str).to_numpy()
    is_group = (adata.obs["group"] == group).to_numpy()
    kept = [
        t
        for t in np.unique(types)
        if min((is_group & (types == t)).sum(), (~is_group & (types == t)).sum()) > min_cells
    ]
    half = np.random.default_rng(0).random(len(y)) < 0.5
    models = {"kompot": {"gp": KOMPOT}, "default": {}, "with samples": {"sample_key": sample_key}}

    def means(cells: np.ndarray) -> np.ndarray:
        return np.array(
            [y[cells & is_group & (types == t)].mean(0) - y[cells & ~is_group & (types == t)].mean(0) for t in kept]
        )

    def per_type(found: ad.AnnData) -> np.ndarray:
        layer = kp.get.layer(found, "fold_change")
        return np.array([layer[types == t].mean(axis=0) for t in kept])

    errors: dict[str, list[float]] = {}
    for train in (half, ~half):
        truth = means(~train)
        errors.setdefault("means per type (labels)", []).append(np.square(means(train) - truth).mean())
        errors.setdefault("no change", []).append(np.square(truth).mean())
        for model, arguments in models.items():
            try:
                found = fold_change(adata, reference, group, mask_obs=train, **arguments)
            except ValueError as error:
                print(f"  {name}, {model}: {error}")
                continue
            errors.setdefault(model, []).append(np.square(per_type(found) - truth).mean())
    print(f"{name:<34}" + "".join(f"{key} {np.mean(value):.5f}   " for key, value in errors.items()), flush=True)
    if marker is not None:
        for model, arguments in models.items():
            values = per_type(fold_change(adata, reference, group, **arguments))[:, adata.var_names.get_loc(marker)]
            chosen = [kept.index(t) for t in ("CD14+ Monocytes", "CD4 T cells")]
            print(
                f"  {marker} in CD14+ monocytes and CD4 T cells, {model}: "
                + ", ".join(f"{values[i]:.2f}" for i in chosen)
            )


def simulated() -> None:
    adata = kp.datasets.simulate(3000, 1000)
    truth = (adata.obsm["true_effect_basis"] @ adata.varm["true_effect"].T).to_numpy()
    cells = adata.obs["Age"].isin(["Young", "Old"]).to_numpy()
    changed = np.abs(truth).max(axis=0) > 0
    design = {"reference": "Young", "groups": "Old", "layer": "logged_counts", "storage": N_LAYERS_OFF}
    models = {"kompot": {"gp": KOMPOT}, "default": {}, "with samples": {"sample_key": "Replicate"}}
    for name, arguments in models.items():
        start = time.perf_counter()
        found = adata.copy()
        kp.tl.de(found, "Age", **design, **arguments)
        seconds = time.perf_counter() - start
        estimate, std = (kp.get.layer(found, what)[cells] for what in ("fold_change", "fold_change_std"))
        t = truth[cells]
        covered = np.abs(estimate[:, ~changed]) < 1.645 * std[:, ~changed]
        lfsr = kp.get.layer(found, "lfsr")[cells]
        called = (lfsr < 0.05) & (t != 0)
        wrong = (np.sign(estimate) != np.sign(t))[called].mean()
        print(
            f"{name:<14} r changed {np.corrcoef(estimate[:, changed].ravel(), t[:, changed].ravel())[0, 1]:.3f}, "
            f"r all {np.corrcoef(estimate.ravel(), t.ravel())[0, 1]:.3f}, "
            f"unchanged {np.sqrt(np.square(estimate[:, ~changed]).mean()):.3f}, coverage {covered.mean():.3f}, "
            f"wrong signs at lfsr < .05 {wrong:.3f}; {seconds:.1f} s",
            flush=True,
        )


def shapes(n_draws: int) -> None:
    adata = _controls()
    donors = np.unique(adata.obs["donor"].astype(str))
    own = adata.obs["donor"].astype(str).to_numpy()
    x = adata.obsm["X_use"]
    types = adata.obs["cell_type"].astype(str).to_numpy()
    models = {"kompot": {"gp": KOMPOT}, "default": {}, "with samples": {"sample_key": "donor"}}
    found: dict[tuple[str, str], list[list[float]]] = {}
    for draw in range(n_draws):
        rng = np.random.default_rng(draw)
        chosen = rng.permutation(donors)[:6]
        part = adata[np.isin(own, chosen)].copy()
        late, state, label = (
            np.isin(own, chosen[3:])[np.isin(own, chosen)],
            x[np.isin(own, chosen)],
            types[np.isin(own, chosen)],
        )
        distance = np.linalg.norm(state - state[rng.integers(len(state))], axis=1)
        rank = np.argsort(np.argsort(state[:, 0])) / len(state)
        patterns = {
            "type": (label == "CD14+ Monocytes").astype(float),
            "bump": np.exp(-0.5 * (distance / np.quantile(distance, 0.2)) ** 2),
            "gradient": rank,
            "everywhere": np.ones(len(state)),
        }
        expressed = np.flatnonzero(np.asarray((part.X > 0).mean(axis=0)).ravel() > 0.1)
        genes = rng.choice(expressed, 480, replace=False)
        y = part.X.toarray()
        truth = np.zeros((len(state), len(genes)))
        for number, pattern in enumerate(patterns.values()):
            truth[:, 60 * number : 60 * number + 60] = pattern[:, None] * rng.choice([-0.5, 0.5], 60)
        y[:, genes] += truth * late[:, None]
        part.X = y
        part.obs["group"] = np.where(late, "b", "a")
        for model, arguments in models.items():
            run = fold_change(part, "a", "b", **arguments)
            names = part.var_names[genes]
            lfc, std = (kp.get.layer(run, what, genes=names) for what in ("fold_change", "fold_change_std"))
            for number, shape in enumerate([*patterns, "unchanged"]):
                columns = slice(60 * number, 60 * number + 60) if shape in patterns else slice(240, None)
                estimate, true, width = lfc[:, columns], truth[:, columns], std[:, columns]
                slope = (estimate * true).sum() / np.square(true).sum() if shape in patterns else np.nan
                covered = (np.abs(estimate - true) < 1.645 * width).mean()
                error = np.sqrt(np.square(estimate - true).mean())
                found.setdefault((shape, model), []).append([slope, error, covered, np.sqrt(np.square(true).mean())])
    for (shape, model), values in found.items():
        slope, error, covered, zero = np.mean(values, axis=0)
        print(
            f"{shape:<11} {model:<13} slope {slope:.2f}, RMSE {error:.3f} (predict zero {zero:.3f}), covered {covered:.3f}"
        )


def cells(n_splits: int) -> None:
    adata = _controls()
    rng = np.random.default_rng(0)
    pvalues = []
    for _ in range(n_splits):
        adata.obs["group"] = np.where(rng.random(adata.n_obs) < 0.5, "a", "b")
        found = fold_change(adata, "a", "b")
        pvalues.append(found.var["k_a_to_b_pvalue_cells"].to_numpy())
    p = np.array(pvalues)
    rho = [spearmanr(p[0], other).statistic for other in p[1:]]
    print(
        f"P(p<.05) {(p < 0.05).mean():.4f}, P(p<.001) {(p < 0.001).mean():.5f}, rank correlation of splits {np.mean(rho):.3f}"
    )


def _controls() -> ad.AnnData:
    adata = kang()
    adata = adata[adata.obs["condition"] == "ctrl"].copy()
    adata = adata[:, np.asarray((adata.X > 0).sum(axis=0)).ravel() > 30].copy()
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    adata.obsm["X_use"] = np.asarray(adata.obsm["X_pca_harmony"][:, :10], dtype=np.float64)
    return adata


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=8)
    parser.add_argument("--part", choices=["held-out", "simulated", "shapes", "cells"])
    parser.add_argument("--draws", type=int, default=3)
    arguments = parser.parse_args()
    logging.getLogger("kompot_scverse").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    if arguments.part in (None, "held-out"):
        print("Held-out cells: mean square error of the log fold change per type")
        for n in (10, 30):
            held_out(f"Kang, {n} components", prepare(kang(), n, "X_pca_harmony"), "ctrl", "stim", "donor", "CXCL10")
        # fewer cells: types with more than 25 in each condition
        held_out("liver, 20 components", prepare(liver(), 20, None), "young", "old", "sample", min_cells=25)
        cells_of = prepare(oligodendrocytes(), 20, None)
        held_out("oligodendrocytes, 20 components", cells_of, "control", "acute_stress", "sample", min_cells=25)
    if arguments.part in (None, "simulated"):
        print("Simulated, 3,000 cells, 1,000 genes")
        simulated()
    if arguments.part in (None, "shapes"):
        print(f"Planted shapes, 3 against 3 donors, {arguments.draws} draws")
        shapes(arguments.draws)
    if arguments.part in (None, "cells"):
        print(f"Test of the cells, {arguments.splits} random halves of the controls of Kang et al.")
        cells(arguments.splits)


if __name__ == "__main__":
    main()
