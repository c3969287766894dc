"""Predicted against realised power: `python benchmarks/power.py`.

Studies of 6 against 6 samples without any change are analysed, and power is predicted from each. New studies with planted changes are then drawn and
analysed, and the share of what changes that is called is what prediction should have said. Printed is a line for each number of samples and
change, for all genes and thirds of them by expression before the change, and for categories of cells: the mean prediction, how much those of single
pilot studies differ (their standard deviation), and what was realised with its standard error. `--only` takes one of the parts.
"""

from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
from parts import run_parts
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
PILOTS = {"de": 4, "da": 8}
STUDIES = {"de": 10, "da": 30}
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
    """Share of the changed genes that are called, all and by thirds of expression: a row for each study."""
    found = []
    for study in range(STUDIES["de"]):
        adata = draw(100 + study, n, genes=lfc)
        kp.tl.de(adata, "condition", **DESIGN)
        tested = adata.var["kompot_de_a_to_b_pvalue"].notna().to_numpy()
        # as the genes of a pilot study: a third of those that changed would not be that of genes before they do
        mean = np.asarray(adata.X[(adata.obs["condition"] == "a").to_numpy()].mean(axis=0)).ravel()
        thirds = np.digitize(mean, np.quantile(mean[tested], [1 / 3, 2 / 3]))
        changed = (adata.var["sign"] != 0).to_numpy() & tested
        called = adata.var["kompot_de_a_to_b_is_de_sample_var"].to_numpy(dtype=bool)
        found.append([called[changed].mean(), *(called[changed & (thirds == third)].mean() for third in range(3))])
    return np.array(found)


def realised_abundance(n: int, lfc: float, cell_type: int) -> np.ndarray:
    """Share of the cells of a changed type that are called with its direction, of each study."""
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
        found.append([(own["kompot_da_a_to_b_lfc_direction_sample_var"] == direction).mean()])
    return np.array(found)


def predicted(analysis: str, tool: Callable[..., None], **arguments: object) -> list[pd.DataFrame]:
    """A table from each pilot study."""
    tables = []
    for seed in range(1, 1 + PILOTS[analysis]):
        pilot = draw(seed, PILOT)
        tool(pilot, "condition", **DESIGN)
        tables.append(kp.pp.power(pilot, analysis=analysis, n_samples=N_SAMPLES, lfc=CHANGES, **arguments))
    return tables


def compared(predictions: np.ndarray, realised: np.ndarray) -> str:
    """Mean and spread of the predictions, mean of what was realised and its standard error; rows are studies."""
    values = [predictions.mean(axis=0), predictions.std(axis=0, ddof=1)]
    values += [realised.mean(axis=0), realised.std(axis=0, ddof=1) / np.sqrt(len(realised))]
    return "   ".join(" ".join(f"{value:5.2f}" for value in of_all) for of_all in values)


def de() -> None:
    """Expression."""
    tables = predicted("de", kp.tl.de)
    print(
        "expression: all, low, middle, high\nsamples  lfc  predicted                  of single pilots          realised"
    )
    for n in N_SAMPLES:
        for lfc in CHANGES:
            own = np.array([table.loc[(table["n_samples"] == n) & (table["lfc"] == lfc), "power"] for table in tables])
            print(f"{n:7} {lfc:5.2f}  {compared(own, realised_expression(n, lfc))}", flush=True)


def da() -> None:
    """Abundance."""
    tables = predicted("da", kp.tl.da, cell_groups="type")
    print("\nabundance\nsamples  lfc  share  predicted, of single pilots, realised")
    for n in N_SAMPLES:
        for lfc in CHANGES:
            for kind in (0, 2):
                rows = [
                    table[(table["n_samples"] == n) & (table["lfc"] == lfc) & (table["cell_group"] == f"type {kind}")]
                    for table in tables
                ]
                own = np.array([one["power"].to_numpy() for one in rows])
                share = np.mean([one["share"] for one in rows])
                print(f"{n:7} {lfc:5.2f} {share:6.2f}  {compared(own, realised_abundance(n, lfc, kind))}", flush=True)


if __name__ == "__main__":
    run_parts(__doc__, de, da)
