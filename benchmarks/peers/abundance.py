"""Differential abundance beside Milo (Dann et al. 2022): calls on null splits, power and errors for planted changes.

    uv venv /tmp/milo --python 3.12 && uv pip install --python /tmp/milo/bin/python pertpy pydeseq2
    python benchmarks/peers/abundance.py --milo /tmp/milo/bin/python

Cells of a type go to the second condition more often, by given odds; the cells of a condition are spread evenly over its
samples. Needs the development data in ../shared/data.
"""

import argparse
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from calibration_data import DATA, load_kang
from calibration_report import Report

import kompot_scverse as kp

Design = tuple[np.ndarray, np.ndarray]


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


def ours(x: np.ndarray, designs: list[Design]) -> tuple[np.ndarray, np.ndarray]:
    calls, seconds = [], []
    for late, samples in designs:
        start = time.perf_counter()
        obs = pd.DataFrame(
            {"condition": np.where(late, "late", "early"), "sample": samples.astype(str)},
            index=np.arange(len(x)).astype(str),
        )
        adata = ad.AnnData(obs=obs, obsm={"X_pca": x})
        kp.tl.da(adata, "condition", reference="early", groups="late", sample_key="sample", use_rep="X_pca")
        column = next(name for name in adata.obs if "lfc_direction" in name)
        calls.append(adata.obs[column].astype(str).map({"down": -1, "neutral": 0, "up": 1}).to_numpy())
        seconds.append(time.perf_counter() - start)
    return np.array(calls), np.array(seconds)


def milo(python: str, x: np.ndarray, designs: list[Design]) -> tuple[np.ndarray, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "states.npz", x=x)
        late, samples = (np.array(part) for part in zip(*designs, strict=True))
        np.savez(Path(folder) / "designs.npz", late=late, samples=samples)
        script = Path(__file__).with_name("milo_calls.py")
        subprocess.run([python, str(script), folder], check=True, capture_output=True)
        found = np.load(Path(folder) / "calls.npz")
        return found["calls"], found["seconds"]


def rates(calls: np.ndarray, inside: np.ndarray, late: np.ndarray, odds: float) -> list[float]:
    """Share of the changed cells that are called; share of the calls where the truth is below a tenth of it, or of the other sign."""
    p = 1 / (1 + odds ** -inside.astype(float))
    truth = np.log(p / (1 - p)) - np.log(p.mean() / (1 - p.mean()))
    if odds == 1:
        return [np.nan, np.nan, float((calls != 0).any())]
    false = (calls != 0) & ((np.abs(truth) < 0.1 * np.log(odds)) | (calls != np.sign(truth)))
    return [float((calls[inside] == 1).mean()), float(false.sum() / max(1, (calls != 0).sum())), float(calls.any())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--milo", help="Python of an environment with pertpy; without it only this package runs")
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--data", nargs="*", default=["melanoma", "Kang"])
    args = parser.parse_args()
    logging.getLogger("kompot_scverse").setLevel(logging.ERROR)
    report = Report()
    for name in args.data:
        x, labels, types = states(name)
        rows = []
        for half in (3, 5):
            for label, odds in [(types[0], 1), *((label, odds) for label in types for odds in (3, 6))]:
                inside = labels == label
                designs = [draw(inside, odds, half, seed) for seed in range(args.draws)]
                methods = {"kp.tl.da": ours(x, designs)}
                if args.milo:
                    methods["Milo"] = milo(args.milo, x, designs)
                what = "nothing changes" if odds == 1 else f"{label} ({inside.sum()}), odds {odds}"
                for method, (calls, seconds) in methods.items():
                    found = [rates(c, inside, late, odds) for c, (late, _) in zip(calls, designs, strict=True)]
                    row = [*np.mean(found, axis=0).tolist(), float(np.median(seconds))]
                    rows.append((f"{half} vs {half}, {what}: {method}", row, {}))
        report.table(f"{name}, {len(x)} cells, {args.draws} draws", ["TPR", "FDR", "any call", "seconds"], rows)


if __name__ == "__main__":
    main()
