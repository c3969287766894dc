"""Log density ratios of abundance against planted ones, in real cell states."""

import argparse
from collections.abc import Iterator

import anndata as ad
import numpy as np
import pandas as pd
from calibration_data import load_kang, load_melanoma
from calibration_report import Bounds, Report
from sklearn.cluster import KMeans

import kompot_scverse as kp
from kompot_scverse._gp.states import fit_states
from kompot_scverse._stats.log_ratio import fit_two
from kompot_scverse._stats.ratio_features import RatioFeatures

__all__ = ["da_estimates"]

PROTOTYPE = {("large", 3): 0.25, ("large", 6): 0.39}
"""Errors of the prototype with a basis of rank 160, on the melanoma states."""


def da_estimates(args: argparse.Namespace, report: Report) -> None:
    """Labels of cells drawn with more of one condition in a cell type, or along a gradient."""
    rows: list[tuple[str, list[float], Bounds]] = []
    covered = []
    for data, x, regions in _states():
        everyone = np.ones(len(x), dtype=bool)
        features = RatioFeatures.of(fit_states(x, everyone, "X", kp.GPSettings()), everyone)
        for name, strength in regions:
            for odds in (1, 2, 3, 6):
                found = []
                for seed in range(2 if args.quick else 5):
                    late, truth = _draw(strength, odds, 10 * args.seed + seed)
                    fit, own = fit_two(features, late.astype(np.intp), np.array([False, True]), samples=False)
                    lfc, variance = fit.at(own.cells)
                    found.append(_measure(lfc, np.sqrt(variance), truth, strength))
                values = np.nanmean(found, axis=0).tolist()
                covered.append(values[4])
                rows.append((f"{data}, {name}, odds {odds}", values, _bounds(data, name, odds)))
            late, truth = _draw(strength, 3, 10 * args.seed)
            lfc, std = _density(x, late)
            rows.append((f"{data}, {name}, odds 3, density", _measure(lfc, std, truth, strength), {}))
    columns = ["true", "estimate", "slope", "RMSE", "covered 90%"]
    rows.append(("mean", [np.nan] * 4 + [float(np.mean(covered))], {"covered 90%": (0.8, np.inf)}))
    report.table("DA log ratios, inside the region", columns, rows)


def _states() -> Iterator[tuple[str, np.ndarray, list[tuple[str, np.ndarray]]]]:
    """Cell states, and regions in them: the strength of the change at every cell."""
    x, _ = load_melanoma(everyone=True)
    types = KMeans(12, n_init=3, random_state=0).fit_predict(x)
    order = np.bincount(types).argsort()
    gradient = (x[:, 0] - x[:, 0].mean()) / x[:, 0].std() / 2
    regions = [("large", types == order[-2]), ("small", types == order[2])]
    yield "melanoma", x, [(name, own.astype(float)) for name, own in regions] + [("gradient", gradient)]
    cells, _ = load_kang()
    names = pd.Series(cells.labels).value_counts()
    gradient = (cells.x[:, 0] - cells.x[:, 0].mean()) / cells.x[:, 0].std() / 2
    regions = [(f"{n} of {len(cells.x)}", cells.labels == name) for name, n in names.items() if n > 100]
    yield "Kang", cells.x, [(name, own.astype(float)) for name, own in regions] + [("gradient", gradient)]


def _draw(strength: np.ndarray, odds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which cells are of the second condition, and the true log ratio at every cell."""
    p = 1 / (1 + np.exp(-np.log(odds) * strength))
    truth = np.log(p / (1 - p)) - np.log(p.sum() / (1 - p).sum())
    return np.random.default_rng(seed).random(len(p)) < p, truth


def _measure(lfc: np.ndarray, std: np.ndarray, truth: np.ndarray, strength: np.ndarray) -> list[float]:
    inside = strength > 0.5
    slope = float(np.polyfit(truth, lfc, 1)[0]) if np.ptp(truth) > 0 else np.nan
    covered = float(np.mean(np.abs(lfc - truth) <= 1.645 * std + 1e-12))
    # where nothing changes: the size of the estimate
    estimate = float(lfc[inside].mean()) if np.ptp(truth) > 0 else float(np.abs(lfc).mean())
    return [float(truth[inside].mean()), estimate, slope, float(np.sqrt(np.mean((lfc - truth) ** 2))), covered]


def _bounds(data: str, name: str, odds: int) -> Bounds:
    if odds == 1:
        return {"estimate": (0.0, 0.02)} if data == "melanoma" else {}
    bounds: Bounds = {"slope": (0.9, 1.1) if name == "gradient" else (0.6, 1.1)} if data == "melanoma" else {}
    if data == "melanoma" and (name, odds) in PROTOTYPE:
        bounds["RMSE"] = (0.0, PROTOTYPE[name, odds])
    return bounds


def _density(x: np.ndarray, late: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log fold change of the method of the paper, and its standard deviation."""
    obs = pd.DataFrame({"condition": np.where(late, "late", "early")}, index=np.arange(len(x)).astype(str))
    adata = ad.AnnData(obs=obs, obsm={"X_pca": np.asarray(x)})
    kp.tl.da(adata, "condition", reference="early", groups="late", use_rep="X_pca", method="density")
    table = kp.get.da_df(adata, sort=False)
    lfc = table["lfc"].to_numpy()
    return lfc, np.abs(lfc / table["lfc_zscore"].to_numpy())
