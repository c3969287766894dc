"""How time and memory grow with the number of cells, from a csr file on disk.

    python benchmarks/scaling.py [--n-obs 10000 100000 1000000] [--n-vars 2000] [--folder FOLDER]

Simulates files in blocks (12 populations with noise in 30 components, 10 % non-zero, two conditions of six samples), opens them
with `backed="r"`, and runs each analysis in a process of its own. CPU seconds are of all threads. The floors are what no
analysis can go below: reading the file once, and the sparse products of one pass at the rank of the analysis.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import nullcontext
from pathlib import Path

BLOCK = 10_000
DENSITY = 0.1
POPULATIONS, COMPONENTS, SAMPLES = 12, 30, 6
ANALYSES = {
    "de": "DE",
    "de_samples": "DE with replicates",
    "da": "DA",
    "da_samples": "DA with replicates",
    "read": "floor: reading the file",
    "product": "floor: sparse products, rank 200",
}


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-obs", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--n-vars", type=int, default=2_000)
    parser.add_argument("--only", nargs="+", choices=ANALYSES, default=list(ANALYSES))
    parser.add_argument("--folder", type=Path, help="Keep the simulated files here, or use those that are there.")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(*arguments.child)))
        return
    with tempfile.TemporaryDirectory() as folder:
        table: dict[str, list[dict[str, float]]] = {name: [] for name in arguments.only}
        for n_obs in sorted(arguments.n_obs):
            path = (arguments.folder or Path(folder)) / f"cells_{n_obs}_{arguments.n_vars}.h5ad"
            if not path.exists():
                write_file(path, n_obs, arguments.n_vars)
            for analysis in arguments.only:
                command = [sys.executable, __file__, "--child", analysis, str(path)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{analysis} of {n_obs:,} cells failed:\n{done.stderr[-3000:]}", file=sys.stderr)
                    continue
                table[analysis].append(json.loads(done.stdout.splitlines()[-1]))
    show(table)


def show(table: dict[str, list[dict[str, float]]]) -> None:
    """One row for every analysis and size; the exponent is that of the CPU seconds from the size before."""
    print("| analysis | cells | seconds | CPU seconds | exponent | peak GB | (file open) |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for analysis, rows in table.items():
        for before, row in zip([None, *rows], rows, strict=False):
            growth = ""
            if before is not None:
                growth = f"{math.log(row['cpu'] / before['cpu']) / math.log(row['n_obs'] / before['n_obs']):.2f}"
            print(
                f"| {ANALYSES[analysis]} | {row['n_obs']:,.0f} | {row['seconds']:.1f} | {row['cpu']:.1f} | {growth} "
                f"| {row['peak']:.2f} | {row['baseline']:.2f} |"
            )


def write_file(path: Path, n_obs: int, n_vars: int) -> None:
    """A csr file (.h5ad or .zarr) of log-normalised expression that depends on the cell state, written block by block."""
    import anndata as ad
    import h5py
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    import zarr
    from anndata.io import sparse_dataset

    rng = np.random.default_rng(0)
    centers = rng.normal(scale=2.0, size=(POPULATIONS, COMPONENTS)) * np.geomspace(1, 0.1, COMPONENTS)
    population = rng.integers(POPULATIONS, size=n_obs)
    representation = centers[population] + rng.normal(scale=0.3, size=(n_obs, COMPONENTS))
    condition = rng.integers(2, size=n_obs)
    sample = condition * SAMPLES + rng.integers(SAMPLES, size=n_obs)
    obs = pd.DataFrame(
        {
            "condition": pd.Categorical.from_codes(condition, ["a", "b"]),
            "sample": pd.Categorical.from_codes(sample, [f"s{number}" for number in range(2 * SAMPLES)]),
        },
        index=[f"cell{i}" for i in range(n_obs)],
    )
    var = pd.DataFrame(index=[f"gene{i}" for i in range(n_vars)])
    level = rng.normal(scale=0.4, size=(POPULATIONS, n_vars))
    changed = np.where(rng.random(n_vars) < 0.05, 0.5, 0.0)

    def block(start: int) -> sp.csr_matrix:
        rows = slice(start, min(start + BLOCK, n_obs))
        size = rows.stop - rows.start
        values = sp.random(size, n_vars, density=DENSITY, format="csr", dtype=np.float32, random_state=rng)
        entries = np.repeat(np.arange(size), np.diff(values.indptr)) + start
        mean = level[population[entries], values.indices] + condition[entries] * changed[values.indices]
        values.data = np.log1p(rng.poisson(np.exp(mean)) + 1.0).astype(np.float32)
        return values

    start = time.perf_counter()
    path.parent.mkdir(parents=True, exist_ok=True)
    # obs and obsm of all cells: the matrix grows to their length
    with h5py.File(path, "w") if path.suffix == ".h5ad" else nullcontext(zarr.open_group(path, mode="w")) as file:
        ad.io.write_elem(file, "/", ad.AnnData(obs=obs, var=var, obsm={"X_pca": representation}))
        if "X" in file:
            del file["X"]
        ad.io.write_elem(file, "X", block(0))
        stored = sparse_dataset(file["X"])
        for first in range(BLOCK, n_obs, BLOCK):
            stored.append(block(first))
    print(f"Simulated {n_obs:,} x {n_vars:,} in {time.perf_counter() - start:.0f} s.", flush=True)


def measure(analysis: str, path: str) -> dict[str, float]:
    """Import, open, then measure."""
    warnings.simplefilter("ignore")
    import anndata as ad
    import dask.array  # noqa: F401
    import sklearn.neighbors  # noqa: F401

    from kompot_scverse import StorageSettings, tl
    from kompot_scverse._gp.mellon import load_mellon

    load_mellon()
    adata = ad.read_h5ad(path, backed="r")
    sample_key = "sample" if analysis.endswith("samples") else None
    baseline, start, cpu = peak_gigabytes(), time.perf_counter(), cpu_seconds()
    if analysis == "da" or analysis == "da_samples":
        tl.da(adata, "condition", reference="a", sample_key=sample_key, use_rep="X_pca")
    elif analysis.startswith("de"):
        none = StorageSettings(layers=None)
        tl.de(adata, "condition", reference="a", sample_key=sample_key, use_rep="X_pca", storage=none)
    else:
        pass_over(adata, product=analysis == "product")
    return {
        "n_obs": adata.n_obs,
        "seconds": time.perf_counter() - start,
        "cpu": cpu_seconds() - cpu,
        "peak": peak_gigabytes(),
        "baseline": baseline,
    }


def pass_over(adata: "ad.AnnData", *, product: bool) -> None:  # noqa: F821
    """Read the file block by block; with the product, multiply each block with features and do nothing else."""
    import numpy as np

    features = np.random.default_rng(0).normal(size=(BLOCK, 200))
    for start in range(0, adata.n_obs, BLOCK):
        y = adata.X[start : start + BLOCK]
        if product:
            y.T @ features[: y.shape[0]]


def cpu_seconds() -> float:
    """Of all threads so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_gigabytes() -> float:
    """Largest memory of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


if __name__ == "__main__":
    main()
