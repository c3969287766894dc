"""Error rates and power of differential abundance."""

import argparse
import itertools

import anndata as ad
import numpy as np
import pandas as pd
from calibration_data import halves, load_kang, load_melanoma, two_groups
from calibration_report import Report
from sklearn.cluster import KMeans

import kompot_scverse as kp
from kompot_scverse._stats.abundance_testing import abundance_test
from kompot_scverse._stats.neighborhoods import ABUNDANCE_WIDTH, default_n_centers, fit_neighborhoods

__all__ = ["da_null", "da_power"]


def weights_of(x: np.ndarray, n_samples: int) -> np.ndarray:
    return fit_neighborhoods(x, default_n_centers(len(x), n_samples), ABUNDANCE_WIDTH).weights(x)


def sums_of(weights: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Soft cell numbers and WᵀW per sample."""
    rows = [samples == s for s in range(samples.max() + 1)]
    return np.array([weights[r].sum(axis=0) for r in rows]), np.array([weights[r].T @ weights[r] for r in rows])


def da_null(args: argparse.Namespace, report: Report) -> None:
    """Random splits of samples between which nothing differs."""
    rng = np.random.default_rng(0)
    kang, _ = load_kang()
    x, samples = load_melanoma()
    kang_sums = sums_of(weights_of(kang.x, 8), kang.samples)
    melanoma_sums = sums_of(weights_of(x, samples.max() + 1), samples)
    cases = [("Kang controls 4 vs 4, all splits", kang_sums, [(np.arange(8), group) for group in halves(8)])]
    for size in (3, 8):
        draws = [rng.permutation(samples.max() + 1)[: 2 * size] for _ in range(100 if args.quick else 2000)]
        cases.append(
            (f"melanoma non-responders {size} vs {size}", melanoma_sums, [(d, tuple(range(size))) for d in draws])
        )
    rows = []
    for name, (mass, gram), draws in cases:
        tests = [abundance_test(mass[d], gram[d], two_groups(len(d), group)) for d, group in draws]
        p = np.concatenate([t.pvalue[np.isfinite(t.pvalue)] for t in tests])
        anything = float(np.mean([np.nanmin(t.qvalue) < 0.1 for t in tests]))
        rows.append(
            (name, [float(np.mean(p < 0.05)), float(np.mean(p < 0.001)), anything], {"any q<.1": (-np.inf, 0.1)})
        )
    report.table("DA null", ["p<.05", "p<.001", "any q<.1"], rows)


def da_power(args: argparse.Namespace, report: Report) -> None:
    """Biased labels as in Milo's benchmark (Dann et al. 2022): cells of one region go to one group more often.

    The samples of a group have Dirichlet shares in each of 12 coarse states, so that donors differ in composition. The
    comparator is the same test on hard clusters, as tools that test types do. What changed is known from the ratio of the
    densities: in a region of a third of the cells all others become a visibly smaller share.
    """
    x, _ = load_melanoma()
    coarse = fit_neighborhoods(x, 12, 0.4)
    state = coarse.weights(x).argmax(axis=1)
    clusters = np.eye(10)[KMeans(10, n_init=1, random_state=0).fit_predict(x)]
    rows = []
    for region, width in (("a tenth", 1.5), ("a third", 2.5)):
        for n_samples, odds in itertools.product((6, 10), (3, 6)):
            soft = weights_of(x, n_samples)
            values: dict[str, list[list[float]]] = {"": [], ", 10 clusters": [], ", direction of kp.tl.da": []}
            for seed in range(6 if args.quick else 30):
                rng = np.random.default_rng(1000 * args.seed + seed)
                target = rng.integers(0, 12)
                shift = np.exp(-0.5 * ((x - coarse.centers[target]) ** 2).sum(axis=1) / (width * coarse.width) ** 2)
                p = 1 / (1 + np.exp(-np.log(odds) * shift))
                late = rng.random(len(x)) < p
                true = np.log(p / (1 - p)) - np.log(p.mean() / (1 - p.mean()))
                half = n_samples // 2
                shares = rng.dirichlet(np.full(half, args.concentration), size=(2, 12))
                cumulative = shares.cumsum(axis=2)[late.astype(int), state]
                samples = (rng.random((len(x), 1)) > cumulative).sum(axis=1).clip(max=half - 1) + half * late
                design = two_groups(n_samples, tuple(range(half, n_samples)))
                for name, weights in (("", soft), (", 10 clusters", clusters)):
                    _, q, effect = abundance_test(*sums_of(weights, samples), design).to_cells(weights)
                    values[name].append(_rates(np.where(q < 0.1, np.sign(effect), 0), true, odds))
                if seed < (2 if args.quick else 6):
                    values[", direction of kp.tl.da"].append(_rates(_direction(x, samples, late), true, odds))
            for name, v in values.items():
                # no bound on six simulations: they are there to see that the tool does what the test does
                bound = {"FDR": (-np.inf, 0.12)} if name == "" else {}
                label = f"{region} of the cells, {half} vs {half}, odds {odds}{name}"
                rows.append((label, np.nanmean(v, axis=0).tolist(), bound))
    report.table("DA power, cells called at q < 0.1", ["power", "FDR", "any"], rows)


def _rates(side: np.ndarray, true: np.ndarray, odds: float) -> list[float]:
    """Power where the log density ratio is half of the planted log odds; false are calls below a tenth of it, or of the
    wrong side."""
    called, unit = side != 0, np.log(odds)
    false = float((called & ((np.abs(true) < 0.1 * unit) | (side != np.sign(true)))).sum() / max(1, called.sum()))
    return [float(called[true > 0.5 * unit].mean()), false, float(called.any())]


def _direction(x: np.ndarray, samples: np.ndarray, late: np.ndarray) -> np.ndarray:
    """What the package calls: 1 up, -1 down, 0 neutral."""
    obs = pd.DataFrame(
        {"condition": np.where(late, "late", "early"), "sample": samples.astype(str)},
        index=np.arange(len(x)).astype(str),
    )
    adata = ad.AnnData(np.zeros((len(x), 1), dtype=np.float32), obs=obs, obsm={"X_pca": x})
    kp.tl.da(adata, "condition", reference="early", groups="late", sample_key="sample", use_rep="X_pca")
    column = next(c for c in adata.obs if "lfc_direction" in c)
    return adata.obs[column].astype(str).map({"down": -1, "neutral": 0, "up": 1}).to_numpy()
