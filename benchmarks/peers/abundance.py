"""Differential abundance beside its peers: calls on null splits, power and errors for planted changes.

    python benchmarks/peers/abundance.py --peers /tmp/peers

Peers: Milo (Dann et al. 2022, in pertpy), CNA (Reshef et al. 2022) and kompot 0.8, each in an environment of its own that
is made in that folder (`environments.py`). Cells of a type go to the second condition more often, by given odds; the cells of a
condition are spread evenly over its samples. Columns: share of the changed cells that are called; share of the calls where
the truth is below a tenth of the change or of the other sign; average precision of the changed cells by the method's own
score; share of the draws with any call; seconds of all cores (median), peak memory. Needs the development data in ../shared/data.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
from environments import python_of

sys.path.insert(0, str(Path(__file__).parents[1]))
from calibration_data import DATA, load_kang
from calibration_report import Report

Design = tuple[np.ndarray, np.ndarray]
ENVIRONMENTS = {"Milo": "pertpy", "CNA": "cna", "CNA, local FDR only": "cna", "kompot 0.8": "kompot"}
COLUMNS = ["TPR", "FDR", "AP", "any call", "CPU s", "GB"]


def states(name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Cell states, labels, and the types that change."""
    if name == "Kang":
        cells, _ = load_kang()
        return np.asarray(cells.x, dtype=float), cells.labels, ["CD14+ Monocytes", "NK cells"]
    adata = ad.read_h5ad(DATA / "melanoma_daseq_embedding.h5ad")
    adata = adata[adata.obs["condition"] == "Non-responder"]
    return np.asarray(adata.obsm["X_pca"], dtype=float), adata.obs["author_cluster"].astype(str).to_numpy(), ["8", "2"]


def draw(inside: np.ndarray, odds: float, half: int, seed: int) -> Design:
    """Which cells are of the second condition, and their samples."""
    rng = np.random.default_rng(seed)
    late = rng.random(len(inside)) < 1 / (1 + odds ** -inside.astype(float))
    return late, rng.integers(0, half, len(late)) + half * late


def call(python: Path, method: str, x: np.ndarray, designs: list[Design]) -> dict[str, np.ndarray]:
    """Calls, scores, seconds and peak memory of a method in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "states.npz", x=x)
        late, samples = (np.array(part) for part in zip(*designs, strict=True))
        np.savez(Path(folder) / "designs.npz", late=late, samples=samples)
        script = Path(__file__).with_name("abundance_calls.py")
        source = str(Path(__file__).resolve().parents[2] / "src") if method == "kp.tl.da" else ""
        done = subprocess.run(
            [str(python), str(script), method, folder],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": source},
        )
        if done.returncode:
            raise RuntimeError(f"{method} failed:\n{done.stderr[-2000:]}")
        return dict(np.load(Path(folder) / "calls.npz"))


def rates(calls: np.ndarray, score: np.ndarray, inside: np.ndarray, odds: float) -> list[float]:
    """True and false calls and average precision, from the planted odds."""
    p = 1 / (1 + odds ** -inside.astype(float))
    truth = np.log(p / (1 - p)) - np.log(p.mean() / (1 - p.mean()))
    if odds == 1:
        return [np.nan, np.nan, np.nan, float((calls != 0).any())]
    false = (calls != 0) & ((np.abs(truth) < 0.1 * np.log(odds)) | (calls != np.sign(truth)))
    order = np.argsort(-score, kind="stable")
    hits = inside[order]
    precision = (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()
    share = float(false.sum() / max(1, (calls != 0).sum()))
    return [float((calls[inside] == 1).mean()), share, float(precision), float(calls.any())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="Folder of the environments; without it only this package runs")
    parser.add_argument("--methods", nargs="*", choices=ENVIRONMENTS, default=["Milo", "CNA", "CNA, local FDR only"])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--data", nargs="*", default=["melanoma", "Kang"])
    parser.add_argument("--halves", nargs="*", type=int, default=[3, 5], help="Samples of each condition")
    parser.add_argument("--types", nargs="*", help="Types that change; two of each data set if left out")
    parser.add_argument("--odds", nargs="*", type=float, default=[2, 3, 6])
    args = parser.parse_args()
    pythons = {"kp.tl.da": Path(sys.executable)}
    if args.peers:
        pythons |= {method: python_of(args.peers, ENVIRONMENTS[method]) for method in args.methods}
    report = Report()
    for name in args.data:
        x, labels, types = states(name)
        types = args.types or types
        rows = []
        for half in args.halves:
            for label, odds in [(types[0], 1), *((label, odds) for label in types for odds in args.odds)]:
                inside = labels == label
                designs = [draw(inside, odds, half, seed) for seed in range(args.draws)]
                what = "nothing changes" if odds == 1 else f"{label} ({inside.sum()}), odds {odds:g}"
                for method, python in pythons.items():
                    found = call(python, method, x, designs)
                    each = [rates(c, s, inside, odds) for c, s in zip(found["calls"], found["scores"], strict=True)]
                    cost = [float(np.median(found["seconds"])), float(found["peak"])]
                    rows.append((f"{half} vs {half}, {what}: {method}", [*np.mean(each, axis=0).tolist(), *cost], {}))
        report.table(f"{name}, {len(x)} cells, {args.draws} draws", COLUMNS, rows)


if __name__ == "__main__":
    main()
