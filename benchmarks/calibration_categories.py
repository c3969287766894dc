"""Statistics of one cell type by itself, beside moderated pseudobulk of the same cells."""

import argparse

import numpy as np
from calibration_data import collect_neighborhood_moments, load_kang, plant, two_groups
from calibration_de import average_precision
from calibration_report import Bounds, Report

from kompot_scverse._stats.combine import benjamini_hochberg
from kompot_scverse._stats.gene_testing import GeneTestSettings, gene_test
from kompot_scverse._stats.linear_model import SampleDesign, fit_linear
from kompot_scverse._stats.moderated import moderated_test
from kompot_scverse._stats.neighborhoods import NeighborhoodMoments
from kompot_scverse._stats.node_means import node_means

__all__ = ["de_categories"]

OURS, PEER = "cell_groups of kp.tl.de", "pseudobulk, limma-trend"


def de_categories(args: argparse.Namespace, report: Report) -> None:
    """Changes planted in a type that is named: power and errors of the test of its cells."""
    columns = ["AUPRC", "power", "FDP", "null p<.05", "null p<.001"]
    for condition in ("ctrl",) if args.quick else ("ctrl", "stim"):
        cells, _ = load_kang(condition)
        for label in ("CD14+ Monocytes", "CD4 T cells"):
            own = cells.labels == label
            for half in (3, 4):
                rng = np.random.default_rng(args.seed)
                values: dict[str, list[list[float]]] = {}
                for _ in range(4 if args.quick else 16):
                    donors = rng.permutation(8)[: 2 * half]
                    counts, truth = plant(cells, tuple(donors[half:]), own.astype(float), rng)
                    rows = own & np.isin(cells.samples, donors)
                    codes = np.searchsorted(np.sort(donors), cells.samples[rows])
                    design = two_groups(2 * half, tuple(np.searchsorted(np.sort(donors), donors[half:])))
                    y = cells.expression(counts)[rows]
                    moments = collect_neighborhood_moments(np.ones((len(codes), 1)), y, codes)
                    for name, p in _tests(moments, design).items():
                        values.setdefault(name, []).append(_measure(p, truth))
                bounds: dict[str, Bounds] = {
                    OURS: {"FDP": (0, 0.06), "null p<.05": (0, 0.055), "null p<.001": (0, 0.002)}
                }
                rows_ = [(name, np.mean(v, axis=0).tolist(), bounds.get(name, {})) for name, v in values.items()]
                report.table(f"DE in {label} of Kang {condition} by name, {half} vs {half}", columns, rows_)


def _tests(moments: NeighborhoodMoments, design: SampleDesign) -> dict[str, np.ndarray]:
    one = np.ones((1, 1), dtype=bool)
    return {OURS: gene_test(moments, one, design).node_pvalue[0], PEER: _pseudobulk(moments, design)}


def _pseudobulk(moments: NeighborhoodMoments, design: SampleDesign) -> np.ndarray:
    """Sample means of equal weight, variances shrunk along the level of expression, of the genes that we test."""
    every = np.ones(len(moments.mass), dtype=bool)
    data = node_means(moments, np.ones(1, dtype=bool), design.coefficients(every))
    genes = np.flatnonzero((data.n_expressing >= GeneTestSettings().min_expressing) & (data.cell_variance > 0))
    fit = fit_linear(data.means[:, genes], np.eye(len(every)), design)
    varies = np.flatnonzero(fit.variance > 0)
    p = np.full(len(data.level), np.nan)
    p[genes[varies]] = moderated_test(fit.subset(varies), data.level[genes[varies]], "limma").pvalue
    return p


def _measure(p: np.ndarray, truth: np.ndarray) -> list[float]:
    called = benjamini_hochberg(p) < 0.05
    null = p[np.isfinite(p) & ~truth]
    false = float((called & ~truth).sum() / max(1, called.sum()))
    power = float((called & truth).sum() / truth.sum())
    return [average_precision(p, truth), power, false, float(np.mean(null < 0.05)), float(np.mean(null < 0.001))]
