"""Error rates where samples differ in sequencing depth, and on small panels of features."""

import argparse
import warnings

import numpy as np
from calibration_report import Bounds, Report

import kompot_scverse as kp

__all__ = ["de_depth", "de_panels"]

LEVEL: Bounds = {"p<.05": (0.03, 0.06)}
FIELD = "kompot_de_Young_to_Old"
CONDITIONS = {
    "equal": {},
    "40 %": {"Old": 0.4},
    "60 %": {"Old": 0.6},
    "150 %": {"Old": 1.5},
    "one sample": {"Old_1": 0.4},
}


def de_depth(args: argparse.Namespace, report: Report) -> None:
    """Three against three samples, a tenth of the genes changed; by all genes, by name and by a mask, and fold changes."""
    rows = []
    seeds = range(2 if args.quick else 8)
    for label, depth in CONDITIONS.items():
        for way in ("all", "by name", "every second"):
            values = []
            for seed in seeds:
                adata = kp.datasets.simulate(1800, 1000, samples={"Young": 3, "Old": 3}, depth=depth, rng=seed)
                genes = {"all": None, "by name": list(adata.var_names[::-1]), "every second": np.arange(1000) % 2 == 0}[
                    way
                ]
                values.append(_rates(adata, genes=genes))
            rows.append((f"{label}, {way}", np.mean(values, axis=0).tolist(), LEVEL | {"FDP": (-np.inf, 0.1)}))
        values = []
        for seed in seeds:
            adata = kp.datasets.simulate(1800, 1000, samples={"Young": 3, "Old": 3}, depth=depth, rng=seed)
            values.append(_rates(adata, test=kp.TestSettings(equal_depth=True)))
        rows.append((f"{label}, equal_depth", np.mean(values, axis=0).tolist(), LEVEL | {"lfc": (-0.02, 0.02)}))
    report.table("DE, one condition or sample at another depth", ["p<.05", "called", "FDP", "lfc"], rows)


def de_panels(args: argparse.Namespace, report: Report) -> None:
    """Few features, few samples, nothing changed."""
    rows = []
    for genes, seeds in ((10, 200), (50, 40), (300, 8)):
        of_designs = []
        for young, old in ((2, 2), (2, 3), (3, 3), (4, 4)):
            p = []
            for seed in range(seeds // (8 if args.quick else 1)):
                adata = kp.datasets.simulate(
                    150 * (young + old), genes, samples={"Young": young, "Old": old}, frac_de=0, density_change=0.5,
                    density=0.2 if genes > 50 else 0.35, rng=seed,
                )  # fmt: skip
                _run(adata)
                p.append(adata.var[f"{FIELD}_pvalue"].to_numpy())
            found = np.concatenate(p)
            found = found[np.isfinite(found)]
            # draws of a panel are independent, its features are not
            error = float(np.std([np.mean(one[np.isfinite(one)] < 0.05) for one in p]) / np.sqrt(len(p)))
            of_designs.append([float(np.mean(found < 0.05)), error, float(np.mean(found < 0.001))])
            rows.append((f"{genes} features, {young} vs {old}", of_designs[-1], {}))
        level, _, small = np.mean(of_designs, axis=0).tolist()
        error = float(np.sqrt(np.sum(np.square(of_designs)[:, 1])) / len(of_designs))
        room = 2 * error if args.quick else 0.0
        rows.append((f"{genes} features, all designs", [level, error, small], {"p<.05": (0.03 - room, 0.06 + room)}))
    report.table("DE null, small panels", ["p<.05", "SE", "p<.001"], rows)


def _run(adata, **arguments) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        kp.tl.de(
            adata, "Age", reference="Young", groups="Old", sample_key="Replicate", layer="logged_counts",
            **arguments,
        )  # fmt: skip


def _rates(adata, **arguments) -> list[float]:
    """Of the genes that do not change: small p, and their mean fold change; all called, and the false among them."""
    _run(adata, **arguments)
    var = adata.var
    null = ~var["is_de"].to_numpy()
    p, called = var[f"{FIELD}_pvalue"].to_numpy(), var[f"{FIELD}_qvalue"].to_numpy() <= 0.05
    small = float(np.mean(p[null & np.isfinite(p)] < 0.05))
    lfc = var.loc[null, f"{FIELD}_mean_lfc"].mean()
    return [small, float(called.sum()), float((called & null).sum() / max(1, called.sum())), float(lfc)]
