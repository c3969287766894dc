"""Error rates and power of the replicate-aware tests, on real data with nothing to find and with planted changes.

Run from anywhere: ``python benchmarks/calibration.py --quick``. Needs the development data in ../shared/data.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import anndata as ad
import numpy as np
import scipy.sparse as sp

from kompot_scverse._stats.abundance_test import abundance_test
from kompot_scverse._stats.combine import GeneTest, GeneTestSettings, benjamini_hochberg, cauchy_combination, gene_test
from kompot_scverse._stats.moderated import SampleDesign
from kompot_scverse._stats.neighborhoods import collect_neighborhood_moments, fit_neighborhoods, neighborhood_tree

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
DETECTED = 0.05
FOLD = 0.5
PLANTED = 0.1
PLAIN = "pseudobulk, limma, plain ACAT"


@dataclass(frozen=True)
class Cells:
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


@dataclass(frozen=True)
class Regions:
    weights: np.ndarray
    nodes: np.ndarray


def soft(x: np.ndarray, n_centers: int, width: float) -> Regions:
    fitted = fit_neighborhoods(x, n_centers, width)
    return Regions(fitted.weights(x), neighborhood_tree(fitted))


def annotated(labels: np.ndarray) -> Regions:
    names, codes = np.unique(labels, return_inverse=True)
    return Regions(np.eye(len(names))[codes], np.eye(len(names), dtype=bool))


def load_kang(condition: str | None = "ctrl") -> tuple[Cells, ad.AnnData]:
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


def two_groups(n_samples: int, group: tuple[int, ...]) -> SampleDesign:
    matrix = np.column_stack([np.ones(n_samples), np.isin(np.arange(n_samples), group)])
    return SampleDesign(matrix.astype(float), np.array([0.0, 1.0]))


def halves(n_samples: int) -> list[tuple[int, ...]]:
    """Every way to split the samples into two equal halves, once."""
    return [g for g in itertools.combinations(range(n_samples), n_samples // 2) if 0 in g]


def average_precision(pvalues: np.ndarray, truth: np.ndarray) -> float:
    hits = truth[np.argsort(np.where(np.isfinite(pvalues), pvalues, 1.0), kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def rates(p: np.ndarray, q: np.ndarray) -> list[float]:
    ok = np.isfinite(p)
    return [float(np.mean(p[ok] < 0.05)), float(np.mean(p[ok] < 0.001)), float(np.mean(q[ok] < 0.05))]


def table(title: str, columns: list[str], rows: list[tuple[str, list[float]]]) -> None:
    print(f"\n{title}\n{'':34s}" + "".join(f"{c:>12s}" for c in columns))
    for name, values in rows:
        print(f"{name:34s}" + "".join(f"{v:12.4f}" for v in values), flush=True)


def methods(args: argparse.Namespace, cells: Cells) -> dict[str, tuple[Regions, GeneTestSettings]]:
    settings = GeneTestSettings()
    tree = soft(cells.x, args.centers, args.width)
    return {
        "neighbourhood tree": (tree, settings),
        "tree, limma prior": (tree, replace(settings, prior="limma")),
        "single neighbourhoods": (replace(tree, nodes=np.eye(tree.nodes.shape[1], dtype=bool)), settings),
        "pseudobulk per type": (annotated(cells.labels), settings),
        PLAIN: (annotated(cells.labels), replace(settings, prior="limma")),
        "pseudobulk per type, limma": (annotated(cells.labels), replace(settings, prior="limma")),
    }


def significance(name: str, test: GeneTest) -> tuple[np.ndarray, np.ndarray]:
    """p and q; the plain baseline combines with equal weights, without those learnt from the data."""
    if name != PLAIN:
        return test.pvalue, test.qvalue
    p = cauchy_combination(test.node_pvalue)
    return p, benjamini_hochberg(p)


def de_null(args: argparse.Namespace) -> None:
    cells, _ = load_kang()
    y = cells.expression()
    tercile = np.digitize(level := np.asarray(y.mean(axis=0)).ravel(), np.quantile(level, [1 / 3, 2 / 3]))
    splits = halves(8)[:: 4 if args.quick else 1]
    rows, strata = [], []
    for name, (regions, settings) in methods(args, cells).items():
        moments = collect_neighborhood_moments(regions.weights, y, cells.samples)
        tests = [gene_test(moments, regions.nodes, two_groups(8, g), settings) for g in splits]
        rows.append((name, np.mean([rates(*significance(name, t)) for t in tests], axis=0).tolist()))
        if name == "neighbourhood tree":
            for k, label in enumerate(["low", "middle", "high"]):
                values = [rates(t.pvalue[tercile == k], t.qvalue[tercile == k]) for t in tests]
                strata.append((f"{label} expression", np.mean(values, axis=0).tolist()))
    columns = ["p<.05", "p<.001", "q<.05"]
    table(f"DE, Kang controls 4 against 4, {len(splits)} splits, {y.shape[1]} genes", columns, rows)
    table("  neighbourhood tree by tercile of expression", columns, strata)
    de_shuffled(args)


def de_shuffled(args: argparse.Namespace) -> None:
    """Donor labels of the cells shuffled within the condition: a test that uses donors must lose its error rate.

    On the controls as they are, and with a variance between donors added that is the same for every gene.
    """
    cells, _ = load_kang()
    regions, settings = methods(args, cells)["neighbourhood tree"]
    rng = np.random.default_rng(0)
    rows: list[tuple[str, list[float]]] = []
    for noise in (0.0, 0.4):
        found: dict[str, list[list[float]]] = {"true donors": [], "donors shuffled": []}
        for group in halves(8)[:: 12 if args.quick else 4]:
            factor = np.exp(-np.abs(rng.normal(0, noise, (8, cells.counts.shape[1]))))
            coo = cells.counts.tocoo()
            data = rng.binomial(coo.data.astype(int), factor[cells.samples[coo.row], coo.col])
            y = cells.expression(sp.csr_matrix((data, (coo.row, coo.col)), coo.shape))
            shuffled = cells.samples.copy()
            for side in (True, False):
                members = np.flatnonzero(np.isin(cells.samples, group) == side)
                shuffled[members] = shuffled[rng.permutation(members)]
            for name, samples in zip(found, (cells.samples, shuffled), strict=True):
                moments = collect_neighborhood_moments(regions.weights, y, samples)
                test = gene_test(moments, regions.nodes, two_groups(8, group), settings)
                found[name].append(rates(test.pvalue, test.qvalue))
        rows += [(f"{name}, SD {noise} added", np.mean(v, axis=0).tolist()) for name, v in found.items()]
    table("DE, Kang controls: donors or cells as the unit", ["p<.05", "p<.001", "q<.05"], rows)


def plant(
    cells: Cells, group: tuple[int, ...], strength: np.ndarray, rng: np.random.Generator
) -> tuple[sp.csr_matrix, np.ndarray]:
    """Thin a tenth of the genes, half of them in the group and half in the rest, by FOLD where strength is 1.

    The genes are drawn from those detected in 5 % of the cells that change.
    """
    detected = np.flatnonzero(np.asarray((cells.counts[strength > 0.5] > 0).mean(axis=0)).ravel() >= DETECTED)
    genes = rng.choice(detected, int(PLANTED * cells.counts.shape[1]), replace=False)
    side = np.zeros(cells.counts.shape[1], dtype=int)
    side[genes] = np.where(np.arange(len(genes)) % 2, 1, -1)
    coo = cells.counts.tocoo()
    hit = side[coo.col] == np.where(np.isin(cells.samples[coo.row], group), 1, -1)
    data = rng.binomial(coo.data.astype(int), np.where(hit, 1 - (1 - FOLD) * strength[coo.row], 1.0))
    return sp.csr_matrix((data, (coo.row, coo.col)), coo.shape), side != 0


def de_planted(args: argparse.Namespace) -> None:
    cells, _ = load_kang()
    n = len(cells.labels)
    first = cells.x[:, 0]
    settings_of = {
        "CD14+ monocytes": (cells.labels == "CD14+ Monocytes").astype(float),
        "CD4 T cells": (cells.labels == "CD4 T cells").astype(float),
        "all cells": np.ones(n),
        "gradient along PC 1": (np.argsort(np.argsort(first)) + 0.5) / n,
    }
    for setting, strength in settings_of.items():
        rng = np.random.default_rng(1)
        found: dict[str, list[list[float]]] = {}
        for _ in range(3 if args.quick else 12):
            group = halves(8)[rng.integers(35)]
            counts, truth = plant(cells, group, strength, rng)
            y = cells.expression(counts)
            for name, (regions, settings) in methods(args, cells).items():
                moments = collect_neighborhood_moments(regions.weights, y, cells.samples)
                test = gene_test(moments, regions.nodes, two_groups(8, group), settings)
                p, q = significance(name, test)
                called = q < 0.05
                fdp = (called & ~truth).sum() / max(1, called.sum())
                found.setdefault(name, []).append(
                    [average_precision(p, truth), fdp, (called & truth).sum() / truth.sum(), called.sum()]
                )
        rows = [(name, np.mean(values, axis=0).tolist()) for name, values in found.items()]
        table(f"DE planted, {setting}", ["AUPRC", "FDP", "power", "called"], rows)


def de_simulated(args: argparse.Namespace) -> None:
    """Log-normalised values as Gaussians around cell states: nothing differs between conditions."""
    rows = []
    for noise in (0.0, 0.15, 0.3):
        for name, sizes, group in (
            ("2 vs 2", [150] * 4, (2, 3)),
            ("3 vs 3", [150] * 6, (3, 4, 5)),
            ("4 vs 4", [150] * 8, (4, 5, 6, 7)),
            ("4 vs 4, 40 to 400 cells", [40, 400, 80, 150, 400, 40, 150, 80], (4, 5, 6, 7)),
            ("2 vs 6", [150] * 8, (6, 7)),
            ("4 vs 4, one odd sample", [150] * 8, (4, 5, 6, 7)),
        ):
            values = []
            for seed in range(2 if args.quick else 6):
                rng = np.random.default_rng(seed)
                codes = np.repeat(np.arange(len(sizes)), sizes)
                state = rng.integers(0, 4, len(codes))
                x = rng.normal(size=(len(codes), 10)) + 4 * np.eye(10)[state]
                genes = 1000
                sd = np.full(len(sizes), noise)
                if "odd" in name:
                    # three times the variance between samples, or where there is none, a clear one
                    sd[0] = max(3 * noise, 0.3)
                y = 4 + rng.normal(size=(4, genes))[state] + rng.normal(size=(len(codes), genes))
                y += (sd[:, None] * rng.normal(size=(len(sizes), genes)))[codes]
                regions = soft(x, args.centers, args.width)
                moments = collect_neighborhood_moments(regions.weights, y, codes)
                test = gene_test(moments, regions.nodes, two_groups(len(sizes), group))
                values.append(rates(test.pvalue, test.qvalue))
            rows.append((f"{name}, sample SD {noise}", np.mean(values, axis=0).tolist()))
    table("DE, simulated null", ["p<.05", "p<.001", "q<.05"], rows)


def overlap(first: np.ndarray, second: np.ndarray, top: int = 500) -> float:
    best = [set(np.argsort(np.where(np.isfinite(p), p, 1), kind="stable")[:top]) for p in (first, second)]
    return len(best[0] & best[1]) / top


def de_stimulation(args: argparse.Namespace) -> None:
    """Kang ctrl to stim: donors 1 to 4 and 5 to 8 apart, unpaired and paired."""
    cells, adata = load_kang(None)
    names = np.unique(adata.obs["sample"].astype(str))
    stimulated = np.array([n.startswith("stim") for n in names], dtype=float)
    donors = np.unique([n.split("_")[1] for n in names], return_inverse=True)[1]
    y = cells.expression()
    rows = []
    for name, (regions, settings) in methods(args, cells).items():
        for label in ("unpaired", "paired"):
            tests = []
            for half in (donors < 4, donors >= 4):
                chosen = half[cells.samples]
                codes = np.unique(cells.samples[chosen], return_inverse=True)[1]
                blocks = np.ones((8, 1)) if label == "unpaired" else np.eye(4)[donors[half] % 4]
                matrix = np.column_stack([blocks, stimulated[half]])
                design = SampleDesign(matrix, np.eye(matrix.shape[1])[-1])
                moments = collect_neighborhood_moments(regions.weights[chosen], y[np.flatnonzero(chosen)], codes)
                tests.append(gene_test(moments, regions.nodes, design, settings))
            called = [float((significance(name, t)[1] < 0.05).sum()) for t in tests]
            rows.append((f"{name}, {label}", [overlap(*(significance(name, t)[0] for t in tests)), *called]))
    table("DE, Kang ctrl to stim in two halves of the donors", ["top 500", "called 1", "called 2"], rows)


def da_counts(x: np.ndarray, samples: np.ndarray, centers: int, width: float) -> tuple[np.ndarray, ...]:
    fitted = fit_neighborhoods(x, centers, width)
    weights = fitted.weights(x)
    moments = collect_neighborhood_moments(weights, np.zeros((len(x), 1)), samples)
    return weights, moments.mass, moments.gram


def load_melanoma() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    adata = ad.read_h5ad(DATA / "melanoma_daseq_embedding.h5ad")
    return (
        np.asarray(adata.obsm["X_pca"], dtype=float),
        adata.obs["sample"].astype(str).to_numpy(),
        adata.obs["condition"].astype(str).to_numpy(),
    )


def da_null(args: argparse.Namespace) -> None:
    kang, _ = load_kang()
    x, sample, condition = load_melanoma()
    rng = np.random.default_rng(0)
    cases: list[tuple[str, np.ndarray, np.ndarray, list[np.ndarray]]] = []
    cases.append(("Kang controls 4 vs 4", kang.x, kang.samples, [np.arange(8)] * 35))
    one = condition == "Non-responder"
    codes = np.unique(sample[one], return_inverse=True)[1]
    for size in (3, 8):
        drawn = [rng.permutation(codes.max() + 1)[: 2 * size] for _ in range(100 if args.quick else 400)]
        cases.append((f"melanoma non-responders {size} vs {size}", x[one], codes, drawn))
    rows = []
    for name, points, samples, draws in cases:
        _, mass, gram = da_counts(points, samples, args.da_centers, args.da_width)
        splits = halves(8) if len(draws) == 35 else [tuple(range(len(draws[0]) // 2))] * len(draws)
        tests = [
            abundance_test(mass[d], gram[d], two_groups(len(d), group)) for d, group in zip(draws, splits, strict=True)
        ]
        p = np.concatenate([t.pvalue[np.isfinite(t.pvalue)] for t in tests])
        any_call = [bool(np.nanmin(t.qvalue) < 0.1) for t in tests]
        rows.append((name, [np.mean(p < 0.05), np.mean(p < 0.001), np.mean(any_call)]))
    table("DA, nothing to find", ["p<.05", "p<.001", "any q<.1"], rows)


def da_power(args: argparse.Namespace) -> None:
    """Biased labels as in Milo's benchmark: cells of one region go to the group with raised probability.

    Samples within a condition are drawn with Dirichlet weights per coarse state, so that donors differ in composition.
    """
    x, _, condition = load_melanoma()
    x = x[condition == "Non-responder"]
    weights, _, _ = da_counts(x, np.zeros(len(x), dtype=int), args.da_centers, args.da_width)
    # regions of the truth must not be the neighbourhoods tested: another number of centres
    coarse = fit_neighborhoods(x, 12, 0.4)
    state = coarse.weights(x).argmax(axis=1)
    rows = []
    for n_samples in (6, 10):
        for log_odds in (np.log(3), np.log(6)):
            values = []
            for seed in range(6 if args.quick else 24):
                rng = np.random.default_rng(seed)
                target = rng.integers(0, 12)
                shift = np.exp(-0.5 * ((x - coarse.centers[target]) ** 2).sum(axis=1) / (2.5 * coarse.width) ** 2)
                late = rng.random(len(x)) < 1 / (1 + np.exp(-log_odds * shift))
                half = n_samples // 2
                shares = rng.dirichlet(np.full(half, args.concentration), size=(2, 12))
                cumulative = shares.cumsum(axis=2)[late.astype(int), state]
                samples = (rng.random((len(x), 1)) > cumulative).sum(axis=1).clip(max=half - 1) + half * late
                moments = collect_neighborhood_moments(weights, np.zeros((len(x), 1)), samples)
                design = two_groups(n_samples, tuple(range(half, n_samples)))
                test = abundance_test(moments.mass, moments.gram, design)
                called = test.to_cells(weights)[1] < 0.1
                # true where the odds of the group rise by half of what is planted in the centre
                true = shift > 0.5
                null = shift < 0.1
                false = (called & null).sum() / max(1, called.sum())
                values.append([called[true].mean(), false, float(called.any())])
            name = f"{n_samples // 2} vs {n_samples // 2}, odds {np.exp(log_odds):.0f}"
            rows.append((name, np.mean(values, axis=0).tolist()))
    table("DA, biased labels with donor variation, per cell at q < 0.1", ["power", "FDR", "any"], rows)


def cost(args: argparse.Namespace) -> None:
    rng = np.random.default_rng(0)
    n, genes = 8000, 16000
    y = sp.random(n, genes, density=0.08, format="csr", random_state=0)
    x, codes = rng.normal(size=(n, 20)), rng.integers(0, 8, n)
    rows = []
    start = time.perf_counter()
    regions = soft(x, args.centers, args.width)
    rows.append(("centres and weights", [time.perf_counter() - start]))
    start = time.perf_counter()
    moments = collect_neighborhood_moments(regions.weights, y, codes)
    rows.append(("moments", [time.perf_counter() - start]))
    start = time.perf_counter()
    gene_test(moments, regions.nodes, two_groups(8, (4, 5, 6, 7)))
    rows.append(("tests", [time.perf_counter() - start]))
    table(f"Cost, {n} cells x {genes} genes, 8 samples, {args.centers} centres", ["seconds"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer splits and repetitions")
    parser.add_argument("--centers", type=int, default=25)
    parser.add_argument("--width", type=float, default=0.3)
    parser.add_argument("--da-centers", type=int, default=40)
    parser.add_argument("--da-width", type=float, default=0.6)
    parser.add_argument(
        "--concentration", type=float, default=20, help="Dirichlet concentration of the samples' shares"
    )
    parts = {f.__name__: f for f in (de_null, de_simulated, de_planted, de_stimulation, da_null, da_power, cost)}
    parser.add_argument("--only", choices=sorted(parts), nargs="*", default=list(parts))
    args = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"No data: this benchmark reads the development data in {DATA}, which is not there.")
    for name in args.only:
        start = time.perf_counter()
        parts[name](args)
        print(f"  [{name}: {time.perf_counter() - start:.0f} s]")


if __name__ == "__main__":
    main()
