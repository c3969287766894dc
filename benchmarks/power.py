"""Predicted against realised power: `python benchmarks/power.py`.

A study of 6 against 6 samples without any change is analysed, and power is predicted from it. New studies with planted changes are then drawn and
analysed, and the share of what changes that is called is what prediction should have said. Printed is a line for each number of samples and
change, for all genes and thirds of them by expression, and for categories of cells.
"""

import logging
import warnings

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

import kompot_scverse as kp

N_GENES, CELLS, TYPES = 600, 150, 4
DEPTH = 2000
SAMPLE_SD, STATE_SD = 0.25, 0.5
"""Of log expression between samples, in median, and between cell types."""
SHARES = np.array([0.4, 0.3, 0.2, 0.1])
SHARE_SD = 0.4
"""Of the log odds of cell types between samples."""
PILOT, N_SAMPLES, CHANGES = 6, (3, 5, 10), (0.25, 0.5, 1.0)
STUDIES = {"de": 3, "da": 24}
DESIGN = {"reference": "a", "groups": "b", "sample_key": "sample", "use_rep": "X_pca"}


def draw(seed: int, n: int, *, genes: float = 0.0, cell_type: int | None = None, odds: float = 0.0) -> ad.AnnData:
    """n against n samples: a tenth of the genes change by a log fold change of counts, and the odds of one cell type."""
    rng, profile = np.random.default_rng(seed), np.random.default_rng(0)
    log_mean = profile.normal(0, 1.5, N_GENES) + STATE_SD * profile.normal(size=(TYPES, N_GENES))
    spread = SAMPLE_SD * np.exp(0.3 * profile.normal(size=N_GENES))
    sample = np.repeat(np.arange(2 * n), CELLS)
    late = np.arange(2 * n) >= n
    logits = np.log(SHARES) + SHARE_SD * rng.normal(size=(2 * n, TYPES))
    if cell_type is not None:
        logits[late, cell_type] += odds * rng.choice([-1, 1])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    kind = (rng.uniform(size=len(sample))[:, None] > shares.cumsum(axis=1)[sample]).sum(axis=1).clip(0, TYPES - 1)
    sign = np.zeros(N_GENES)
    if genes:
        sign[rng.choice(N_GENES, N_GENES // 10, replace=False)] = np.where(np.arange(N_GENES // 10) % 2, 1, -1)
    shifts = spread * rng.normal(size=(2 * n, N_GENES)) + np.outer(late, genes * sign)
    log_rate = log_mean[kind] + shifts[sample]
    share = np.exp(log_rate) / np.exp(log_mean[kind]).sum(axis=1, keepdims=True)
    size = DEPTH * rng.lognormal(0, 0.3, len(sample))
    # all other genes have as many counts again, so that totals do not follow the changes
    counts = rng.poisson(0.5 * size[:, None] * share)
    y = np.log1p(counts * (1e4 / size)[:, None]).astype(np.float32)
    obs = pd.DataFrame(
        {
            "condition": pd.Categorical(np.where(late, "b", "a")[sample]),
            "sample": pd.Categorical([f"s{one:02}" for one in sample]),
            "type": pd.Categorical([f"type {one}" for one in kind]),
        },
        index=[f"cell{number}" for number in range(len(sample))],
    )
    var = pd.DataFrame({"sign": sign}, index=[f"gene{number}" for number in range(N_GENES)])
    found = ad.AnnData(sparse.csr_matrix(y), obs=obs, var=var)
    found.obsm["X_pca"] = 4 * np.eye(TYPES)[kind][:, :3] + 0.6 * rng.normal(size=(len(sample), 3))
    return found


def realised_expression(n: int, lfc: float) -> np.ndarray:
    """Share of the changed genes that are called: all, and thirds by expression."""
    called, level = [], []
    for study in range(STUDIES["de"]):
        adata = draw(100 + study, n, genes=lfc)
        kp.tl.de(adata, "condition", **DESIGN)
        tested = adata.var["kompot_de_a_to_b_pvalue"].notna()
        mean = np.asarray(adata.X.mean(axis=0)).ravel()
        thirds = np.digitize(mean, np.quantile(mean[tested], [1 / 3, 2 / 3]))
        changed = (adata.var["sign"] != 0) & tested
        called.append(adata.var.loc[changed, "kompot_de_a_to_b_is_de_sample_var"].to_numpy(dtype=bool))
        level.append(thirds[changed])
    called, level = np.concatenate(called), np.concatenate(level)
    return np.array([called.mean(), *(called[level == third].mean() for third in range(3))])


def realised_abundance(n: int, lfc: float, cell_type: int) -> float:
    """Share of the cells of a changed type that are called with its direction."""
    found = []
    for study in range(STUDIES["da"]):
        seed = 1000 * n + study
        adata = draw(seed, n, cell_type=cell_type, odds=lfc)
        kp.tl.da(adata, "condition", **DESIGN)
        own = adata.obs[adata.obs["type"] == f"type {cell_type}"]
        # the sign is the first that was drawn after the samples
        rng = np.random.default_rng(seed)
        rng.normal(size=(2 * n, TYPES))
        direction = "up" if rng.choice([-1, 1]) > 0 else "down"
        found.append((own["kompot_da_a_to_b_lfc_direction_sample_var"] == direction).mean())
    return float(np.mean(found))


def main() -> None:
    """Print predicted and realised power."""
    warnings.simplefilter("ignore")
    logging.getLogger("kompot_scverse").setLevel(logging.ERROR)
    pilot = draw(1, PILOT)
    kp.tl.de(pilot, "condition", **DESIGN)
    kp.tl.da(pilot, "condition", **DESIGN)
    table = kp.pp.power(pilot, n_samples=N_SAMPLES, lfc=CHANGES)
    print("expression                    predicted                 realised")
    print("samples  lfc     all   low  middle  high     all   low  middle  high")
    for (n, lfc), rows in table.groupby(["n_samples", "lfc"], sort=False):
        values = [*rows["power"], *realised_expression(n, lfc)]
        print(f"{n:7} {lfc:5.2f} " + " ".join(f"{value:6.2f}" for value in values), flush=True)
    table = kp.pp.power(pilot, analysis="da", n_samples=N_SAMPLES, lfc=CHANGES, cell_groups="type")
    print("\nabundance\nsamples  lfc  share  predicted  realised")
    for row in table.itertuples():
        kind = int(row.cell_group.split()[1])
        if kind in (0, 2):
            found = realised_abundance(row.n_samples, row.lfc, kind)
            print(f"{row.n_samples:7} {row.lfc:5.2f} {row.share:6.2f} {row.power:10.2f} {found:9.2f}", flush=True)


if __name__ == "__main__":
    main()
