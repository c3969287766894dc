"""Designs: error rates under permuted covariates, power for slopes, incomplete pairs, known abundance, and time.

`python designs.py [null] [power] [pairs] [ball] [time] [equal]` prints the tables asked for, or all.
"""

import argparse
import time
import warnings

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from calibration_data import DATA, Cells, collect_neighborhood_moments, load_kang
from calibration_de import pseudobulk
from scipy.stats import ttest_1samp

import kompot_scverse as kp
from kompot_scverse._stats.abundance_testing import abundance_test
from kompot_scverse._stats.block_correlation import block_correlation, block_covariance
from kompot_scverse._stats.combine import benjamini_hochberg, cauchy_combination
from kompot_scverse._stats.gene_testing import GeneTestSettings, gene_test
from kompot_scverse._stats.linear_model import SampleDesign, fit_linear
from kompot_scverse._stats.moderated import moderated_test
from kompot_scverse._stats.neighborhoods import (
    ABUNDANCE_WIDTH,
    default_n_centers,
    fit_neighborhoods,
    neighborhood_tree,
)
from kompot_scverse.datasets import SimulationSettings, simulate

PERMUTATIONS = 40
STUDIES = 4
"""Simulated studies that are permuted: one by itself has its chances."""
ABUNDANCE = 10
"""Permutations of abundance for each of expression."""


def average_precision(changed: np.ndarray, p: np.ndarray) -> float:
    """Mean precision at each changed gene, in the order of p."""
    order = np.argsort(np.where(np.isfinite(p), p, 2), kind="stable")
    hit = changed[order]
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean())


def show(title: str, rows: list[dict]) -> None:
    """One table."""
    print(f"\n{title}\n{pd.DataFrame(rows).to_string(index=False, float_format='{:.4g}'.format)}", flush=True)


def ages(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Donors of any age, measured once."""
    rows = pd.DataFrame({"age": rng.uniform(20, 80, n).round(1), "sex": np.tile(["f", "m"], n)[:n]})
    rows["change"] = (rows["age"] - 20) / 60
    return rows.set_axis([f"d{number}" for number in range(n)])


def days(n: int) -> pd.DataFrame:
    """Donors measured on three days."""
    rows = pd.DataFrame({"donor": np.repeat([f"d{number}" for number in range(n)], 3), "day": np.tile([0.0, 3, 7], n)})
    rows["change"] = rows["day"] / 7
    return rows.set_axis(rows["donor"] + "_" + rows["day"].astype(int).astype(str))


def study(table: pd.DataFrame, cells: int, seed: int, *, donor: str | None = None, **given) -> ad.AnnData:
    """Simulated cells of these samples; nothing changes unless it is asked for."""
    options = {"frac_de": 0.0, "density_change": 0.0, "sample_effect": 0.25} | given
    settings = SimulationSettings(frac_outliers=0, donor_share=0.6, **options.pop("settings", {}))
    return simulate(cells * len(table), 600, samples=table, donor=donor, settings=settings, rng=seed, **options)


class Sums:
    """What the replicate tests of one study need, once for all permutations."""

    def __init__(self, adata: ad.AnnData) -> None:
        x, codes = adata.obsm["DM_EigenVectors"].astype(float), adata.obs["sample"].cat.codes.to_numpy()
        n = default_n_centers(len(x), codes.max() + 1)
        expression = fit_neighborhoods(x, n)
        self.moments = collect_neighborhood_moments(expression.weights(x), adata.layers["logged_counts"], codes)
        self.nodes = neighborhood_tree(expression)
        soft = fit_neighborhoods(x, n, ABUNDANCE_WIDTH).weights(x)
        own = [soft[codes == sample] for sample in range(codes.max() + 1)]
        self.mass = np.stack([rows.sum(axis=0) for rows in own])
        self.gram = np.stack([rows.T @ rows for rows in own])

    def of_genes(self, design: SampleDesign) -> tuple[np.ndarray, float]:
        """p of the genes, and the smallest q."""
        test = gene_test(self.moments, self.nodes, design)
        return test.pvalue, np.nanmin(test.qvalue)

    def of_cells(self, design: SampleDesign) -> tuple[np.ndarray, float]:
        """The same of the neighbourhoods of abundance."""
        test = abundance_test(self.mass, self.gram, design)
        return test.pvalue, np.nanmin(test.qvalue)


def permuted(table: pd.DataFrame, rng: np.random.Generator) -> dict[str, SampleDesign]:
    """Designs with what is tested permuted: ages, or days within donors and groups of donors."""
    n = len(table)
    if "donor" not in table:
        age, sex = rng.permutation(table["age"].to_numpy()), (table["sex"] == "m").to_numpy(dtype=float)
        return {f"age, {n} donors": SampleDesign(np.column_stack([np.ones(n), age, sex]), np.array([0.0, 1, 0]))}
    donors = np.unique(table["donor"], return_inverse=True)[1]
    n_donors = donors.max() + 1
    day = np.concatenate([rng.permutation([0.0, 3, 7]) for _ in range(n_donors)])
    columns = {
        "day as a number": (day[:, None], np.array([0.0, 1.0])),
        "day as a category, F": (np.column_stack([day == 3, day == 7]), np.eye(3)[:, 1:]),
        "groups of donors": ((rng.permutation(n_donors) < n_donors // 2)[donors][:, None], np.array([0.0, 1.0])),
    }
    designs = {}
    for name, (column, contrast) in columns.items():
        matrix = np.column_stack([np.ones(n), column]).astype(float)
        designs[f"{name}, blocked"] = SampleDesign(matrix, contrast, donors)
        designs[f"{name}, block ignored"] = SampleDesign(matrix, contrast)
    return designs


def null(args: argparse.Namespace) -> None:
    """Permuted ages of 40 donors; days permuted within 8 donors; groups of donors."""
    found: dict[tuple[str, str], list[tuple[np.ndarray, float]]] = {}
    for seed in range(STUDIES):
        aged = ages(40, np.random.default_rng(seed))
        for table, cells, donor in ((aged, 60, None), (days(8), 100, "donor")):
            sums, rng = Sums(study(table, cells, seed, donor=donor)), np.random.default_rng(seed)
            for number in range(ABUNDANCE * args.permutations // STUDIES):
                for name, design in permuted(table, rng).items():
                    found.setdefault((name, "abundance"), []).append(sums.of_cells(design))
                    if number < args.permutations // STUDIES:
                        found.setdefault((name, "expression"), []).append(sums.of_genes(design))
    rows = []
    for (name, what), tests in sorted(found.items()):
        p = np.concatenate([one[0] for one in tests])
        p, calls = p[np.isfinite(p)], [one[1] < 0.05 for one in tests]
        rates = {"p<.05": np.mean(p < 0.05), "p<.001": np.mean(p < 0.001), "no call at q<.05": 1 - np.mean(calls)}
        rows.append({"design": name, "of": what, "permutations": len(tests)} | rates)
    show(f"Null, {STUDIES} simulated studies", rows)


def power(args: argparse.Namespace) -> None:
    """Slopes planted everywhere, along a branch, and in one type; 24 donors of any age."""
    rows = []
    for place in ("everywhere", "along a branch", "in one type"):
        for seed in range(args.seeds):
            table = ages(24, np.random.default_rng(seed))
            local = {"everywhere": 0.0, "along a branch": 1.0}.get(place, 0.0)
            size = 2.5 if place == "along a branch" else 0.9
            adata = study(
                table, 100, 10 + seed, frac_de=0.0 if place == "in one type" else 0.1, effect_size=size,
                settings={"frac_local": local},
            )  # fmt: skip
            changed = adata.var["is_de"].to_numpy(dtype=bool)
            if place == "in one type":
                changed = plant_in_type(adata, table, "Monocyte", np.random.default_rng(seed))
            adata.obs["old"] = np.where(adata.obs["age"] > np.median(table["age"]), "old", "young")
            kp.tl.de(adata, kp.Design("~ age + sex", test="age"), sample_key="sample", layer="logged_counts")
            kp.tl.de(
                adata, "old", reference="young", groups="old", sample_key="sample", covariates="sex", layer="logged_counts",
                key_added="split",
            )  # fmt: skip
            cells = Cells(adata.X, np.ones(1), np.ones(1), np.ones(1), adata.obs["celltype"].astype(str).to_numpy())
            codes = adata.obs["sample"].cat.codes.to_numpy()
            matrix = np.column_stack([np.ones(24), table["age"], table["sex"] == "m"]).astype(float)
            bulk = pseudobulk(cells, adata.layers["logged_counts"], codes, SampleDesign(matrix, np.array([0.0, 1, 0])))
            methods = {
                "slope": (adata.var["kompot_de_age_pvalue"], adata.var["kompot_de_age_qvalue"]),
                "old against young": (
                    adata.var["split_young_to_old_pvalue"],
                    adata.var["split_young_to_old_qvalue"],
                ),
                "pseudobulk per type": (bulk["pseudobulk per type"].score, bulk["pseudobulk per type"].q),
            }
            for method, (p, q) in methods.items():
                called = np.asarray(q) < 0.05
                fdp = (called & ~changed).sum() / max(called.sum(), 1)
                precision = average_precision(changed, np.asarray(p))
                found = (called & changed).sum() / changed.sum()
                rows.append(
                    {"planted": place, "method": method, "average precision": precision, "found": found, "FDP": fdp}
                )
    table = pd.DataFrame(rows).groupby(["planted", "method"], sort=False).mean().reset_index()
    show(f"Power for slopes, mean of {args.seeds}", table.to_dict("records"))


def plant_in_type(adata: ad.AnnData, table: pd.DataFrame, name: str, rng: np.random.Generator) -> np.ndarray:
    """Thin a tenth of the genes in one type along the age, half of them along its reverse; returns which."""
    counts = adata.X.tocoo()
    detected = np.flatnonzero(np.asarray((adata.X > 0).mean(axis=0)).ravel() > 0.1)
    side = np.zeros(adata.n_vars)
    genes = rng.choice(detected, adata.n_vars // 10, replace=False)
    side[genes] = np.where(np.arange(len(genes)) % 2, 1, -1)
    change, own = adata.obs["change"].to_numpy(), (adata.obs["celltype"] == name).to_numpy()
    along = np.where(side[counts.col] > 0, change[counts.row], 1 - change[counts.row])
    keep = np.where(own[counts.row] & (side[counts.col] != 0), np.exp(-1.2 * along), 1.0)
    adata.X = sp.csr_matrix(
        (rng.binomial(counts.data.astype(int), keep).astype(np.float32), (counts.row, counts.col)), counts.shape
    )
    totals = np.asarray(counts.sum(axis=1)).ravel()
    scaled = sp.diags(1e4 / totals) @ adata.X
    scaled.data = np.log1p(scaled.data)
    adata.layers["logged_counts"] = sp.csr_matrix(scaled.astype(np.float32))
    return side != 0


def pairs(args: argparse.Namespace) -> None:
    """Kang: complete pairs, three of 16 samples dropped, and those without a partner left out."""
    cells, adata = load_kang(None)
    whole = cells.annotated(cells.expression(), (adata.obs["condition"] == "stim").to_numpy())
    whole.obs["donor"] = adata.obs["donor"].astype(str).to_numpy()
    donors, rng = sorted(whole.obs["donor"].unique()), np.random.default_rng(0)
    call = {"reference": "early", "groups": "late", "sample_key": "donor", "paired": True, "use_rep": "X_pca"}

    types = np.unique(cells.labels, return_inverse=True)[1]
    in_types = np.eye(types.max() + 1)[types]
    logged = cells.expression()
    late = (adata.obs["condition"] == "stim").to_numpy()
    donor = np.unique(adata.obs["donor"].astype(str), return_inverse=True)[1]

    def ours(mask: np.ndarray) -> int:
        data = whole if mask.all() else whole[mask].copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            kp.tl.de(data, "condition", **call, overwrite=True)
        return int((data.var["kompot_de_early_to_late_qvalue"] < 0.05).sum())

    def limma(mask: np.ndarray, *, blocked: bool) -> int:
        """The same with the true cell types, limma's prior and plain combination."""
        pairs = np.unique(np.column_stack([late[mask], donor[mask]]), axis=0, return_inverse=True)
        condition, of_donor = pairs[0].T
        moments = collect_neighborhood_moments(in_types[mask], logged[mask], pairs[1].ravel())
        if blocked:
            design = SampleDesign(np.column_stack([np.ones(len(condition)), condition]), np.array([0.0, 1]), of_donor)
        else:
            matrix = np.column_stack([condition, *(of_donor == one for one in np.unique(of_donor))]).astype(float)
            design = SampleDesign(matrix, np.eye(matrix.shape[1])[0])
        settings = GeneTestSettings(prior="limma", level_trend=False)
        p = cauchy_combination(gene_test(moments, np.eye(in_types.shape[1], dtype=bool), design, settings).node_pvalue)
        return int((benjamini_hochberg(p) < 0.05).sum())

    everything = np.ones(len(whole), dtype=bool)
    complete, rows = (ours(everything), limma(everything, blocked=False)), []
    for number in range(args.seeds):
        three, sides = rng.choice(donors, 3, replace=False), rng.choice(["early", "late"], 3)
        kept = everything.copy()
        for one, condition in zip(three, sides, strict=True):
            kept &= ~((whole.obs["donor"] == one) & (whole.obs["condition"] == condition)).to_numpy()
        whole_donors = ~whole.obs["donor"].isin(three).to_numpy()
        counts = {
            "complete pairs": complete[0],
            "three dropped, blocked": ours(kept),
            "their donors dropped": ours(whole_donors),
        }
        given_types = {
            "true types, complete": complete[1],
            "true types, blocked": limma(kept, blocked=True),
            "true types, donors dropped": limma(whole_donors, blocked=False),
        }
        rows.append({"draw": number} | counts | given_types)
    show("Incomplete pairs, Kang: genes at q<.05", rows)


def ball(args: argparse.Namespace) -> None:
    """B-ALL: blasts (CD19 high) at diagnosis and relapse against remission."""
    adata = ad.read_h5ad(DATA / "ball_stages_adt.h5ad")
    values = adata.X.toarray() if sp.issparse(adata.X) else np.asarray(adata.X)
    logged = np.log1p(values)
    adata.obsm["X_adt"] = (logged - logged.mean(axis=0)) / logged.std(axis=0)
    contrasts = {f"{stage}_vs_remission": ("stage", "remission", stage) for stage in ("diagnosis", "relapse")}
    design = kp.Design("~ stage", test="stage", contrasts=contrasts, block="patient")
    kp.tl.da(adata, design, sample_key="sample", use_rep="X_adt")
    cd19 = logged[:, adata.var_names.str.contains("CD19")][:, 0]
    blasts = cd19 > np.quantile(cd19, 0.75)
    shares = adata.obs.assign(blast=blasts).groupby(["patient", "stage"], observed=True)["blast"].agg(["sum", "size"])
    logit = np.log((shares["sum"] + 0.5) / (shares["size"] - shares["sum"] + 0.5)).unstack()
    rows = []
    for stage in ("diagnosis", "relapse"):
        change = logit[stage] - logit["remission"]
        p = ttest_1samp(change, 0).pvalue
        rows.append(
            {"stage": stage, "logit of CD19 high": change.mean(), "patients up": (change > 0).sum(), "paired t, p": p}
        )
    show("B-ALL, share of CD19 high cells by patient, against remission", rows)
    rows = []
    for name in contrasts:
        direction = adata.obs[f"kompot_da_{name}_lfc_direction_sample_var"]
        for cells, own in (("CD19 high", blasts), ("others", ~blasts)):
            shares = {what: float((direction[own] == what).mean()) for what in ("up", "down")}
            lfc = float(adata.obs.loc[own, f"kompot_da_{name}_lfc"].mean())
            rows.append({"contrast": name, "cells": cells, "mean lfc": lfc} | shares)
    show("B-ALL", rows)
    found = adata.obs["kompot_da_stage_lfc_qvalue"] <= 0.1
    highest = adata.obs["kompot_da_stage_highest"].astype(str)[blasts].value_counts(normalize=True)
    show(
        "Any difference",
        [{"CD19 high found": found[blasts].mean()} | {f"highest at {k}": v for k, v in highest.items()}],
    )


def clock(args: argparse.Namespace) -> None:
    """Two conditions, and a design of six columns, on the same cells."""
    cells, adata = load_kang(None)
    data = cells.annotated(cells.expression(), (adata.obs["condition"] == "stim").to_numpy())
    data.obs["donor"] = adata.obs["donor"].astype(str).to_numpy()
    data.obs["whole"] = data.obs["donor"] + data.obs["condition"]
    rng = np.random.default_rng(0)
    for number in range(4):
        of_sample = dict(zip(data.obs["whole"].unique(), rng.normal(size=16), strict=True))
        data.obs[f"z{number}"] = data.obs["whole"].map(of_sample).astype(float)
    formula = kp.Design("~ condition + z0 + z1 + z2 + z3", test="condition")
    calls = {
        "two conditions": lambda: kp.tl.de(
            data, "condition", reference="early", groups="late", sample_key="donor", use_rep="X_pca", overwrite=True
        ),
        "six columns": lambda: kp.tl.de(data, formula, sample_key="whole", use_rep="X_pca", overwrite=True),
        "six columns, blocked": lambda: kp.tl.de(
            data,
            kp.Design(formula.formula, "condition", block="donor"),
            sample_key="whole",
            use_rep="X_pca",
            overwrite=True,
        ),
    }
    rows = []
    for name, call in calls.items():
        seconds = []
        for _ in range(2):
            start = time.process_time()
            call()
            seconds.append(time.process_time() - start)
        rows.append({"call": name, "CPU seconds": min(seconds)})
    show(f"Time, {data.n_obs:,} cells × {data.n_vars:,} genes", rows)


def equal(args: argparse.Namespace) -> None:
    """Against formulas written out: coefficients, F, correlation."""
    rng, donors = np.random.default_rng(0), np.repeat(np.arange(6), 3)
    y = rng.normal(size=(6, 50))[donors] * 0.8 + rng.normal(size=(18, 50))
    x = np.column_stack([np.ones(18), np.tile([0.0, 3, 7], 6), rng.normal(size=18)])
    covariance = block_covariance(np.diag(np.linspace(1, 2, 18)), donors, 0.4)
    inverse = np.linalg.inv(covariance)
    of_coefficients = np.linalg.inv(x.T @ inverse @ x)
    beta = of_coefficients @ x.T @ inverse @ y
    several = fit_linear(y, covariance, SampleDesign(x, np.eye(3)[:, 1:], donors))
    one = SampleDesign(x, np.eye(3)[1], donors)
    t, f = (
        moderated_test(fit_linear(y, covariance, SampleDesign(x, c, donors)), np.zeros(50)).pvalue
        for c in (one.contrast, one.contrast[:, None])
    )
    unit = of_coefficients[1:, 1:]
    squared = np.einsum("kg,kl,lg->g", beta[1:], np.linalg.inv(unit), beta[1:])
    base = np.diag(np.linspace(1, 2, 18))

    def loss(rho: float) -> float:
        v = block_covariance(base, donors, rho)
        w = np.linalg.inv(v)
        projection = w - w @ x @ np.linalg.inv(x.T @ w @ x) @ x.T @ w
        determinants = np.linalg.slogdet(v)[1] + np.linalg.slogdet(x.T @ w @ x)[1]
        return float(sum(determinants + 15 * np.log(gene @ projection @ gene) for gene in y.T))

    grid = np.linspace(0, 0.95, 96)
    near = grid[np.argmin([loss(rho) for rho in grid])]
    fine = np.linspace(max(near - 0.01, 0), near + 0.01, 2001)
    dense = fine[np.argmin([loss(rho) for rho in fine])]
    rows = [
        {"what": "coefficients", "largest difference": np.abs(several.effect - beta[1:]).max()},
        {"what": "F", "largest difference": np.abs(several.squared / squared - 1).max()},
        {"what": "F of one contrast and t", "largest difference": np.abs(np.log(f / t)).max()},
        {"what": "correlation within blocks", "largest difference": abs(block_correlation(y, base, one) - dense)},
    ]
    show("Equalities (see the tests for the rest)", rows)


TABLES = {"equal": equal, "null": null, "power": power, "pairs": pairs, "ball": ball, "time": clock}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], default=[])
    parser.add_argument("--permutations", type=int, default=PERMUTATIONS)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    for name in arguments.tables or TABLES:
        TABLES[name](arguments)
