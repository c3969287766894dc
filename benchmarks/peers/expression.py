"""Differential expression beside its peers: null splits, planted changes, and local effects on held-out cells.

    python benchmarks/peers/expression.py --peers /tmp/peers

Peers: sums of counts per annotated type and sample (pydeseq2 through pertpy; edgePython, a port of edgeR), Milo's `de_nhoods`
in pertpy, kompot 0.8, and pylemur, each in an environment of its own that is made in that folder (`environments.py`). The
pseudobulk tests get the true cell types; their p-values, and those of Milo's neighbourhoods, are combined per gene by the
Cauchy combination and adjusted by Benjamini and Hochberg, as this package does with its neighbourhoods. Kompot runs without
samples, since with them it takes about five seconds per gene here, and pylemur has no p-values: genes are ranked by the
mean square of its effects. Changes are planted in a tenth of the genes by thinning the controls of Kang et al. to one half.

Columns: average precision of the changed genes; share of false ones among those with q <= 0.05, and share of the changed
found; p below .05 and .001 among unchanged genes; seconds of all cores (median) and peak memory. Needs ../shared/data.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anndata as ad
import numpy as np
from environments import python_of

sys.path.insert(0, str(Path(__file__).parents[1]))
from calibration_data import Cells, load_kang, plant
from calibration_report import Report
from expression_model import kang, liver, oligodendrocytes, prepare

OURS = "kp.tl.de"
ENVIRONMENTS = {
    "pseudobulk, pydeseq2": "pertpy",
    "pseudobulk, edgePython": "edgepython",
    "Milo, de_nhoods": "pertpy",
    "kompot 0.8": "kompot",
    "pylemur": "pylemur",
}
SLOW = ("Milo, de_nhoods", "kompot 0.8")
COLUMNS = ["AP", "FDP", "power", "p<.05", "p<.001", "CPU s", "GB"]


def run(python: Path, method: str, draws: list[ad.AnnData]) -> list[dict[str, np.ndarray]]:
    """A method on several data sets, in one process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for number, adata in enumerate(draws):
            adata.write_h5ad(Path(folder) / f"draw{number:03d}.h5ad")
        script = Path(__file__).with_name("expression_calls.py")
        source = str(Path(__file__).resolve().parents[2] / "src") if method == OURS else ""
        done = subprocess.run(
            [str(python), str(script), method, folder],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": source},
        )
        if done.returncode:
            raise RuntimeError(f"{method} failed:\n{done.stderr[-2000:]}")
        return [dict(np.load(path)) for path in sorted(Path(folder).glob("*.npz"))]


def part(cells: Cells, donors: np.ndarray, genes: np.ndarray) -> Cells:
    """Some donors and genes."""
    kept = np.isin(cells.samples, donors)
    arrays = (cells.totals, cells.x, cells.samples, cells.labels)
    return Cells(cells.counts[kept][:, genes], *(values[kept] for values in arrays))


def planted(half: int, setting: str, n_draws: int, n_genes: int) -> Iterator[tuple[ad.AnnData, np.ndarray]]:
    """Donors split at random, changes planted between the sides; the data and which genes changed."""
    everyone, _ = load_kang()
    for seed in range(n_draws):
        rng = np.random.default_rng(seed)
        donors = rng.permutation(8)[: 2 * half]
        group = tuple(donors[half:])
        cells = part(everyone, donors, np.sort(rng.choice(everyone.counts.shape[1], n_genes, replace=False)))
        strength = {
            "nothing": None,
            "CD14+ monocytes": (cells.labels == "CD14+ Monocytes").astype(float),
            "all cells": np.ones(len(cells.x)),
            "gradient": (np.argsort(np.argsort(cells.x[:, 0])) + 0.5) / len(cells.x),
        }[setting]
        counts, truth = cells.counts, np.zeros(n_genes, dtype=bool)
        if strength is not None:
            counts, truth = plant(cells, group, strength, rng)
        adata = cells.annotated(counts, np.isin(cells.samples, group))
        adata.layers["log"] = cells.expression(counts).astype(np.float32)
        adata.obs["cell_type"] = cells.labels
        yield adata, truth


def rates(found: dict[str, np.ndarray], truth: np.ndarray) -> list[float]:
    score = found.get("score", found["p"])
    p, called = found["p"][~truth], found["q"] <= 0.05
    known = p[np.isfinite(p)]
    small = [float((known < level).mean()) if len(known) else np.nan for level in (0.05, 0.001)]
    if not truth.any():
        # nothing changed: is anything called?
        return [np.nan, float(called.any()), np.nan, *small]
    hits = truth[np.argsort(np.where(np.isfinite(score), score, np.inf), kind="stable")]
    precision = float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())
    if not np.isfinite(found["q"]).any():
        return [precision, np.nan, np.nan, *small]
    return [precision, float((called & ~truth).sum() / max(1, called.sum())), float(called[truth].mean()), *small]


def held_out(pythons: dict[str, Path], report: Report) -> None:
    """Half of the cells fitted; mean square error per type of more than 60 (25) cells against means of the other half."""
    rows = []
    for name, adata, reference, sample, least in (
        ("Kang", prepare(kang(), 10, "X_pca_harmony"), "ctrl", "donor", 60),
        ("liver", prepare(liver(), 20, None), "young", "sample", 25),
        ("oligodendrocytes", prepare(oligodendrocytes(), 20, None), "control", "sample", 25),
    ):
        adata.layers["log"] = adata.X.tocsr().astype(np.float32)
        late = (adata.obs["group"] != reference).to_numpy()
        obs = {"condition": np.where(late, "late", "early"), "sample": adata.obs[sample].astype(str).to_numpy()}
        adata.obsm["X_pca"] = adata.obsm["X_use"]
        slim = ad.AnnData(
            adata.X, obs=adata.obs[[]].assign(**obs), var=adata.var[[]], layers={"log": adata.layers["log"]}
        )
        slim.obsm["X_pca"] = adata.obsm["X_use"]
        fitted = np.random.default_rng(0).random(len(late)) < 0.5
        slim.obs["fitted"] = fitted
        types, y = adata.obs["cell_type"].astype(str).to_numpy(), slim.layers["log"].toarray()
        kept = [t for t in np.unique(types) if min((late & (types == t)).sum(), (~late & (types == t)).sum()) > least]

        def means(cells: np.ndarray, late=late, types=types, y=y, kept=kept) -> np.ndarray:
            sides = [(y[cells & late & (types == t)], y[cells & ~late & (types == t)]) for t in kept]
            return np.array([a.mean(axis=0) - b.mean(axis=0) for a, b in sides])

        truth = means(~fitted)
        for baseline, estimate in {"no change": np.zeros_like(truth), "means per type (labels)": means(fitted)}.items():
            rows.append((f"{name}: {baseline}", [float(np.square(estimate - truth).mean()), np.nan, np.nan], {}))
        for method in (OURS, "kompot 0.8", "pylemur"):
            if method in pythons:
                try:
                    (found,) = run(pythons[method], method, [slim])
                except RuntimeError as error:
                    print(error, flush=True)
                    continue
                estimate = np.array([found["effect"][types[~fitted] == t].mean(axis=0) for t in kept])
                error = float(np.square(estimate - truth).mean())
                rows.append((f"{name}: {method}", [error, float(found["seconds"]), float(found["peak"])], {}))
    report.table("Effects per type at held-out cells", ["MSE", "CPU s", "GB"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="Folder of the environments; without it only this package runs")
    parser.add_argument("--methods", nargs="*", choices=ENVIRONMENTS, default=list(ENVIRONMENTS))
    parser.add_argument("--part", choices=["genes", "held-out"])
    parser.add_argument("--settings", nargs="*", default=["nothing", "CD14+ monocytes", "gradient", "all cells"])
    parser.add_argument("--halves", nargs="*", type=int, default=[2, 3, 4], help="Donors on each side")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument(
        "--slow-draws", type=int, default=1, help=f"Draws of {' and '.join(SLOW)}, in the largest half only"
    )
    parser.add_argument("--genes", type=int, default=1000)
    args = parser.parse_args()
    pythons = {OURS: Path(sys.executable)}
    if args.peers:
        pythons |= {method: python_of(args.peers, ENVIRONMENTS[method]) for method in args.methods}
    report = Report()
    if args.part != "held-out":
        for setting in args.settings:
            rows = []
            for half in args.halves:
                draws, truths = zip(*planted(half, setting, args.draws, args.genes), strict=True)
                for method, python in pythons.items():
                    n = args.slow_draws if method in SLOW else args.draws
                    if n == 0 or (method in SLOW and half < max(args.halves)):
                        continue
                    try:
                        found = run(python, method, list(draws[:n]))
                    except RuntimeError as error:
                        print(error, flush=True)
                        continue
                    each = [rates(one, truth) for one, truth in zip(found, truths[:n], strict=True)]
                    cost = [
                        float(np.median([one["seconds"] for one in found])),
                        float(max(one["peak"] for one in found)),
                    ]
                    label = f"{half} vs {half}: {method}" + (f" ({n} draws)" if n < args.draws else "")
                    rows.append((label, [*np.mean(each, axis=0).tolist(), *cost], {}))
            what = "FDP is the share of draws with a call" if setting == "nothing" else "planted"
            report.table(f"Kang controls, {setting} ({what}), {args.genes} genes, {args.draws} draws", COLUMNS, rows)
    if args.part != "genes":
        held_out(pythons, report)


if __name__ == "__main__":
    main()
