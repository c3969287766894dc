"""Error rates and power of differential expression."""

import argparse
import importlib
import time
from contextlib import ExitStack
from dataclasses import dataclass
from unittest import mock

import anndata as ad
import numpy as np
import scipy.sparse as sp
from calibration_data import Cells, collect_neighborhood_moments, draw_split, halves, load_kang, plant, two_groups
from calibration_report import Bounds, Report

import kompot_scverse as kp
from kompot_scverse._stats.combine import benjamini_hochberg, cauchy_combination
from kompot_scverse._stats.gene_testing import GeneTestSettings, gene_test
from kompot_scverse._stats.linear_model import SampleDesign
from kompot_scverse._stats.neighborhoods import (
    default_n_centers,
    fit_neighborhoods,
    neighborhood_tree,
)

__all__ = ["cost", "de_null", "de_planted", "de_simulated", "de_stimulation"]

UP, DOWN = np.inf, -np.inf
NULL_BOUNDS: Bounds = {"p<.05": (0.02, 0.055), "p<.001": (DOWN, 0.002), "q<.05": (DOWN, 0.001)}
TEST = "kp.tl.de with samples"
CELLS = "kp.tl.de without samples"
PSEUDOBULK, WEIGHTED = "pseudobulk per type", "pseudobulk, our prior and weights"


@dataclass(frozen=True)
class Found:
    """Genes by one method."""

    score: np.ndarray
    q: np.ndarray

    def rates(self, genes: np.ndarray | slice = slice(None)) -> list[float]:
        p, q = self.score[genes], self.q[genes]
        ok = np.isfinite(p)
        small = [float(np.mean(p[ok] < t)) for t in (0.05, 0.001)]
        return [*small, float(np.mean(q[ok] < 0.05))]


def analyse(adata: ad.AnnData, *, cells: bool = True, paired: bool = False) -> dict[str, Found]:
    """The package as a user calls it; `cells` adds the call without samples."""
    contrast = {"groupby": "condition", "reference": "early", "groups": "late", "use_rep": "X_pca"}
    kp.tl.de(adata, **contrast, sample_key="sample", paired=paired)
    name = "kompot_de_early_to_late"
    found = {TEST: Found(adata.var[f"{name}_pvalue"].to_numpy(), adata.var[f"{name}_qvalue"].to_numpy())}
    if cells:
        kp.tl.de(adata, **contrast, key_added="cells")
        name = "cells_early_to_late"
        found[CELLS] = Found(adata.var[f"{name}_pvalue_cells"].to_numpy(), adata.var[f"{name}_qvalue_cells"].to_numpy())
    return found


def pseudobulk(cells: Cells, y: sp.csr_matrix, samples: np.ndarray, design: SampleDesign) -> dict[str, Found]:
    """Moderated test of the sample means in every annotated type.

    Plain: limma's prior and ACAT with equal weights. And with the prior and the weights of the package, which isolates
    what the neighbourhoods do.
    """
    names, codes = np.unique(cells.labels, return_inverse=True)
    nodes = np.eye(len(names), dtype=bool)
    moments = collect_neighborhood_moments(nodes.astype(float)[codes], y, samples)
    plain = gene_test(moments, nodes, design, GeneTestSettings(prior="limma", level_trend=False))
    p = cauchy_combination(plain.node_pvalue)
    ours = gene_test(moments, nodes, design)
    return {PSEUDOBULK: Found(p, benjamini_hochberg(p)), WEIGHTED: Found(ours.pvalue, ours.qvalue)}


def de_null(args: argparse.Namespace, report: Report) -> None:
    """Donors of one condition split into halves. Tuned mostly on the controls; both were looked at for the node weights."""
    for condition in ("ctrl",) if args.quick else ("ctrl", "stim"):
        cells, _ = load_kang(condition)
        y = cells.expression()
        level = np.asarray(y.mean(axis=0)).ravel()
        tercile = np.digitize(level, np.quantile(level, [1 / 3, 2 / 3]))
        splits = halves(8)
        rates: dict[str, list[list[float]]] = {}
        for i, group in enumerate(splits):
            # all splits even in a quick run, since some of them cut along how the donors do differ
            adata = cells.annotated(y, np.isin(cells.samples, group))
            found = analyse(adata, cells=not args.quick or i % 5 == 2)
            found |= pseudobulk(cells, y, cells.samples, two_groups(8, group))
            for name, result in found.items():
                rates.setdefault(name, []).append(result.rates())
            for k, label in enumerate(("low", "middle", "high")):
                rates.setdefault(f"{TEST}, {label} expression", []).append(found[TEST].rates(tercile == k))
        rows = [(n, np.mean(v, axis=0).tolist(), NULL_BOUNDS if n.startswith(TEST) else {}) for n, v in rates.items()]
        title = f"DE null, Kang {condition}, 4 against 4 donors, {len(splits)} splits, {y.shape[1]} genes"
        report.table(title, ["p<.05", "p<.001", "q<.05"], rows)
    de_shuffled(args, report)


def de_shuffled(args: argparse.Namespace, report: Report) -> None:
    """Donor labels of the cells shuffled within the condition: a test that uses donors must lose its error rate."""
    cells, _ = load_kang()
    y = cells.expression()
    rng = np.random.default_rng(0)
    rates: dict[str, list[list[float]]] = {"true donors": [], "donors shuffled": []}
    for group in halves(8)[:: 12 if args.quick else 4]:
        late = np.isin(cells.samples, group)
        shuffled = cells.samples.copy()
        for side in (True, False):
            members = np.flatnonzero(late == side)
            shuffled[members] = shuffled[rng.permutation(members)]
        for name, samples in zip(rates, (cells.samples, shuffled), strict=True):
            rates[name].append(analyse(cells.annotated(y, late, samples), cells=False)[TEST].rates())
    broken: Bounds = {"p<.05": (0.055, UP)}
    rows = [(n, np.mean(v, axis=0).tolist(), broken if "shuffled" in n else {}) for n, v in rates.items()]
    report.table("DE null, donors shuffled among the cells must break it", ["p<.05", "p<.001", "q<.05"], rows)


def de_simulated(args: argparse.Namespace, report: Report) -> None:
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
            for seed in range(1 if args.quick else 8):
                rng = np.random.default_rng(seed)
                codes = np.repeat(np.arange(len(sizes)), sizes)
                state = rng.integers(0, 4, len(codes))
                x = rng.normal(size=(len(codes), 10)) + 4 * np.eye(10)[state]
                genes = 1000
                sd = np.full(len(sizes), noise)
                if "odd" in name:
                    # three times the deviation between samples, or where there is none, a clear one
                    sd[0] = max(3 * noise, 0.3)
                y = 4 + rng.normal(size=(4, genes))[state] + rng.normal(size=(len(codes), genes))
                y += (sd[:, None] * rng.normal(size=(len(sizes), genes)))[codes]
                fitted = fit_neighborhoods(x, default_n_centers(len(x), len(sizes)))
                moments = collect_neighborhood_moments(fitted.weights(x), y, codes)
                test = gene_test(moments, neighborhood_tree(fitted), two_groups(len(sizes), group))
                values.append(Found(test.pvalue, test.qvalue).rates())
            mean = np.mean(values, axis=0).tolist()
            # in a quick run one simulation of 1000 genes: two standard errors of a share of 0.05 more room
            room = 0.014 if args.quick else 0.0
            rows.append((f"{name}, sample SD {noise}", mean, {"p<.05": (0.03 - room, 0.06 + room)}))
    report.table("DE null, simulated", ["p<.05", "p<.001", "q<.05"], rows)


def average_precision(score: np.ndarray, truth: np.ndarray) -> float:
    hits = truth[np.argsort(np.where(np.isfinite(score), score, np.inf), kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def de_planted(args: argparse.Namespace, report: Report) -> None:
    """Changes planted by binomial thinning. Tuned mostly on the controls; both were looked at for the node weights."""
    columns = ["AUPRC", "FDP", "SE of FDP", "power", "called"]
    for condition in ("ctrl",) if args.quick else ("ctrl", "stim"):
        cells, _ = load_kang(condition)
        order = np.argsort(np.argsort(cells.x[:, 0]))
        for setting, strength in {
            "CD14+ monocytes": (cells.labels == "CD14+ Monocytes").astype(float),
            "CD4 T cells": (cells.labels == "CD4 T cells").astype(float),
            "all cells": np.ones(len(order)),
            "gradient along PC 1": (order + 0.5) / len(order),
        }.items():
            rng = np.random.default_rng(args.seed)
            values: dict[str, list[list[float]]] = {}
            # after 12 draws the standard error of the false discoveries is a quarter of what is allowed
            for draw in range(3 if args.quick else 24):
                group = draw_split(rng)
                counts, truth = plant(cells, group, strength, rng)
                y = cells.expression(counts)
                found = analyse(cells.annotated(y, np.isin(cells.samples, group)), cells=draw < 12)
                for name, f in (found | pseudobulk(cells, y, cells.samples, two_groups(8, group))).items():
                    called = f.q < 0.05
                    false = float((called & ~truth).sum() / max(1, called.sum()))
                    power = float((called & truth).sum() / truth.sum())
                    values.setdefault(name, []).append(
                        [average_precision(f.score, truth), false, power, float(called.sum())]
                    )
            rows = []
            for name, v in values.items():
                precision, false, power, called = np.mean(v, axis=0).tolist()
                error = float(np.std(v, axis=0, ddof=1)[1] / np.sqrt(len(v)))
                rows.append((name, [precision, false, error, power, called], {}))
            best = {name: row[0] for name, row, _ in rows}
            least = max(best[n] for n in (PSEUDOBULK, CELLS) if n in best)
            rows[0] = (*rows[0][:2], {"AUPRC": (least, UP), "FDP": (DOWN, 0.06)})
            report.table(f"DE planted in Kang {condition}, {setting}", columns, rows)


def de_stimulation(args: argparse.Namespace, report: Report) -> None:
    """Kang ctrl to stim: donors 1 to 4 and 5 to 8 apart, unpaired and paired."""
    cells, adata = load_kang(None)
    condition = (adata.obs["condition"] == "stim").to_numpy()
    donor = np.unique(adata.obs["donor"].astype(str), return_inverse=True)[1]
    y = cells.expression()
    rows = []
    for paired in (False, True):
        results: dict[str, list[Found]] = {}
        for half in (donor < 4, donor >= 4):
            part = Cells(cells.counts[half], cells.totals[half], cells.x[half], donor[half] % 4, cells.labels[half])
            # paired by the donor's name, else two samples of one donor are as good as two donors
            number = part.samples if paired else part.samples + 4 * condition[half]
            found = analyse(part.annotated(y[half], condition[half], number), cells=not paired, paired=paired)
            codes = part.samples + 4 * condition[half]
            blocks = np.eye(4)[np.arange(8) % 4] if paired else np.ones((8, 1))
            matrix = np.column_stack([blocks, np.arange(8) >= 4])
            found |= pseudobulk(part, y[half], codes, SampleDesign(matrix, np.eye(matrix.shape[1])[-1]))
            for name, f in found.items():
                results.setdefault(name, []).append(f)
        label = "paired" if paired else "unpaired"
        for name, (first, second) in results.items():
            values = [overlap(first.score, second.score), *(float((f.q < 0.05).sum()) for f in (first, second))]
            rows.append((f"{name}, {label}", values, {}))
    report.table("DE, Kang ctrl to stim in two halves of the donors", ["top 500", "called 1", "called 2"], rows)


def overlap(first: np.ndarray, second: np.ndarray, top: int = 500) -> float:
    """Share of the best genes that both halves have."""
    best = [set(np.argsort(np.where(np.isfinite(s), s, np.inf), kind="stable")[:top]) for s in (first, second)]
    return len(best[0] & best[1]) / top


def cost(args: argparse.Namespace, report: Report) -> None:
    """Time of the whole call with samples, with the replicate test and without it."""
    rng = np.random.default_rng(0)
    n, genes = 8000, 4000 if args.quick else 16000
    adata = ad.AnnData(sp.random(n, genes, density=0.15, format="csr", random_state=0, dtype=np.float32))
    latent = rng.normal(size=(n, 3))
    adata.obsm["X_pca"] = np.concatenate([latent, 0.2 * np.sin(latent @ rng.normal(size=(3, 17)))], axis=1)
    adata.obs["condition"] = np.repeat(["early", "late"], n // 2)
    adata.obs["sample"] = adata.obs["condition"] + rng.integers(0, 4, n).astype(str)
    untested = importlib.import_module("kompot_scverse._data.comparison")
    seconds: dict[str, list[float]] = {"without the test": [], "with the test": []}
    # the first round compiles
    for _ in range(3):
        for name, times in seconds.items():
            start = time.perf_counter()
            with ExitStack() as stack:
                if name == "without the test":
                    stack.enter_context(mock.patch.object(untested, "contrast_designs", return_value=None))
                kp.tl.de(adata, "condition", reference="early", groups="late", sample_key="sample", overwrite=True)
            times.append(time.perf_counter() - start)
    without, with_test = (min(times[1:]) for times in seconds.values())
    rows: list[tuple[str, list[float], Bounds]] = [
        ("without the test", [without, 1.0], {}),
        ("with the test", [with_test, with_test / without], {"ratio": (DOWN, 2.0)}),
    ]
    report.table(f"Cost of kp.tl.de, {n} cells x {genes} genes, 8 samples", ["seconds", "ratio"], rows)
