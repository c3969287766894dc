"""How time and memory grow with the number of cells, from a csr file on disk, and what bounds them.

    python benchmarks/scaling.py [--n-obs 10000 100000 1000000] [--n-vars 2000] [--folder FOLDER]

Simulates files in blocks (12 populations with noise in 30 components, 10 % non-zero, two conditions of six samples), opens them
with `backed="r"`, and runs each analysis in a process of its own. CPU seconds are of all threads.

What an analysis cannot go below is measured beside it, each alone: reading the file once, the sparse products of one pass at the
rank of the analysis, the nearest neighbours of as many cells as the length scale takes (faiss, flat, single precision), and the features of
all cells with the products that one Newton step needs. The distance is the CPU seconds of an analysis over the sum of its floors.
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
DRAWN = 1_000_000
POPULATIONS, COMPONENTS, SAMPLES = 12, 30, 6
ANALYSES = {"de": "DE", "de_samples": "DE with replicates", "da": "DA", "da_samples": "DA with replicates"}
FLOORS = {
    "read": "reading the file once",
    "product": "one sparse product",
    "search": "one search of neighbours",
    "features": "features and one dense product",
}
NEEDED = {"de": ("read", "product", "search"), "da": ("search", "features")}
SHOWN = 6
"""Stages that are named."""
RANK = 32
"""Where no analysis of the run tells it."""


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-obs", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--n-vars", type=int, default=2_000)
    parser.add_argument("--only", nargs="+", choices=ANALYSES, default=list(ANALYSES))
    parser.add_argument("--folder", type=Path, help="Keep the simulated files here, or use those that are there.")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(*arguments.child)))
        return
    with tempfile.TemporaryDirectory() as folder:
        table: dict[str, list[dict]] = {name: [] for name in (*arguments.only, *FLOORS)}
        for n_obs in sorted(arguments.n_obs):
            path = (arguments.folder or Path(folder)) / f"cells_{n_obs}_{arguments.n_vars}.h5ad"
            if not path.exists():
                write_file(path, n_obs, arguments.n_vars)
            rank = RANK
            for name in table:
                command = [sys.executable, __file__, "--child", name, str(path), str(rank)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{name} of {n_obs:,} cells failed:\n{done.stderr[-3000:]}", file=sys.stderr)
                    continue
                row = json.loads(done.stdout.splitlines()[-1])
                table[name].append(row)
                rank = row.get("rank", rank)
    show(table)


def show(table: dict[str, list[dict]]) -> None:
    """One row for every analysis and size; the exponent is that of the CPU seconds from the size before."""
    floors = {(name, row["n_obs"]): row["cpu"] for name in FLOORS for row in table[name]}
    print(
        "| analysis | cells | rank | seconds | CPU s | exponent | times its floor | planned | peak GB | before it | planned | what takes most, CPU s |"
    )
    print("| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --- |")
    for name in (name for name in table if name in ANALYSES):
        for before, row in zip([None, *table[name]], table[name], strict=False):
            growth = ""
            if before is not None:
                growth = f"{math.log(row['cpu'] / before['cpu']) / math.log(row['n_obs'] / before['n_obs']):.2f}"
            needed = [floors.get((floor, row["n_obs"]), math.nan) for floor in NEEDED[name[:2]]]
            print(
                f"| {ANALYSES[name]} | {row['n_obs']:,} | {row['rank']} | {row['seconds']:.1f} | {row['cpu']:.1f} | {growth} "
                f"| {row['cpu'] / sum(needed):.1f} | {row['predicted']:.1f} s | {row['peak']:.2f} | {row['baseline']:.2f} | +{row['predicted_peak']:.2f} | {largest(row['stages'])} |"
            )
    print("\n| floor | cells | CPU s |\n| --- | --: | --: |")
    for (name, n_obs), cpu in floors.items():
        print(f"| {FLOORS[name]} | {n_obs:,} | {cpu:.2f} |")


def largest(stages: dict[str, float]) -> str:
    """The stages that take most, as text."""
    return ", ".join(f"{stage} {cpu:.1f}" for stage, cpu in sorted(stages.items(), key=lambda one: -one[1])[:SHOWN])


def write_file(path: Path, n_obs: int, n_vars: int) -> None:
    """
    A csr file (.h5ad or .zarr) of log-normalised expression that depends on the cell state, written block by block.

    Beyond a million cells labels and expression are those of earlier cells, while the states are their own.
    """
    import anndata as ad
    import dask.array as da
    import h5py
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    import zarr
    from anndata.io import sparse_dataset

    rng = np.random.default_rng(0)
    centers = rng.normal(scale=2.0, size=(POPULATIONS, COMPONENTS)) * np.geomspace(1, 0.1, COMPONENTS)
    drawn = min(n_obs, DRAWN)
    population = np.resize(rng.integers(POPULATIONS, size=drawn, dtype=np.int8), n_obs)
    condition = np.resize(rng.integers(2, size=drawn, dtype=np.int8), n_obs)
    sample = condition * SAMPLES + np.resize(rng.integers(SAMPLES, size=drawn, dtype=np.int8), n_obs)
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
        rows = slice(start, min(start + BLOCK, drawn))
        size = rows.stop - rows.start
        values = sp.random(size, n_vars, density=DENSITY, format="csr", dtype=np.float32, random_state=rng)
        entries = np.repeat(np.arange(size), np.diff(values.indptr)) + start
        mean = level[population[entries], values.indices] + condition[entries] * changed[values.indices]
        values.data = np.log1p(rng.poisson(np.exp(mean)) + 1.0).astype(np.float32)
        return values

    def states(block_info: list) -> np.ndarray:
        rows = slice(*block_info[None]["array-location"][0])
        noise = np.random.default_rng(rows.start).normal(scale=0.3, size=(rows.stop - rows.start, COMPONENTS))
        return (centers[population[rows]] + noise).astype(np.float32)

    start = time.perf_counter()
    path.parent.mkdir(parents=True, exist_ok=True)
    chunks = da.core.normalize_chunks((BLOCK, COMPONENTS), (n_obs, COMPONENTS))
    with h5py.File(path, "w") if path.suffix == ".h5ad" else nullcontext(zarr.open_group(path, mode="w")) as file:
        # obs and obsm of all cells: the matrix grows to their length
        ad.io.write_elem(file, "/", ad.AnnData(obs=obs, var=var))
        stored_as = {"chunks": (min(BLOCK, n_obs), COMPONENTS)}
        representation = da.map_blocks(states, chunks=chunks, dtype=np.float32)
        ad.io.write_elem(file["obsm"], "X_pca", representation, dataset_kwargs=stored_as)
        if "X" in file:
            del file["X"]
        ad.io.write_elem(file, "X", block(0))
        stored = sparse_dataset(file["X"])
        for first in range(BLOCK, drawn, BLOCK):
            stored.append(block(first))
        expression = stored[:] if drawn < n_obs else None
        for first in range(drawn, n_obs, DRAWN):
            stored.append(expression[: n_obs - first])
    print(f"Simulated {n_obs:,} x {n_vars:,} in {time.perf_counter() - start:.0f} s.", file=sys.stderr, flush=True)


def measure(name: str, path: str, rank: str) -> dict:
    """Import, open, then measure."""
    warnings.simplefilter("ignore")
    import anndata as ad
    import dask.array  # noqa: F401
    import sklearn.neighbors  # noqa: F401

    import kompot_scverse as kp
    from kompot_scverse._gp.mellon import load_mellon

    load_mellon()
    adata = ad.read_h5ad(path, backed="r")
    if name in FLOORS:
        return {"n_obs": adata.n_obs, "cpu": floor(name, adata, int(rank))}
    sample_key, stages = "sample" if name.endswith("samples") else None, watch_stages()
    storage = {"storage": kp.StorageSettings(layers=None)} if name.startswith("de") else {}
    given = {"reference": "a", "sample_key": sample_key, "use_rep": "X_pca", **storage}
    plan = kp.pp.plan(adata, name[:2], "condition", **given)
    stages.clear()
    baseline, start, cpu = peak_gigabytes(), time.perf_counter(), cpu_seconds()
    getattr(kp.tl, name[:2])(adata, "condition", **given)
    found = {
        "n_obs": adata.n_obs,
        "seconds": time.perf_counter() - start,
        "cpu": cpu_seconds() - cpu,
        "peak": peak_gigabytes(),
    }
    stages["others"] = found["cpu"] - sum(stages.values())
    found |= {"predicted": plan.core_seconds, "predicted_peak": plan.peak_memory / 1e9}
    return found | {"baseline": baseline, "rank": int(kp.get.runs(adata)["rank"].iloc[-1]), "stages": stages}


def watch_stages() -> dict[str, float]:
    """CPU seconds of every stage that has a progress bar, by its name; those within another count for themselves."""
    import tqdm.auto

    spent: dict[str, float] = {}
    running: list[float] = []

    class Bar(tqdm.auto.tqdm):
        def __enter__(self) -> "Bar":
            self.start = cpu_seconds()
            running.append(0.0)
            return super().__enter__()

        def __exit__(self, *error: object) -> None:
            super().__exit__(*error)
            total, inner = cpu_seconds() - self.start, running.pop()
            name = self.desc.removesuffix(": ")
            spent[name] = spent.get(name, 0.0) + total - inner
            if running:
                running[-1] += total

    tqdm.auto.tqdm = Bar
    return spent


def floor(name: str, adata: "ad.AnnData", rank: int) -> float:  # noqa: F821
    """CPU seconds of what an analysis has to do at least once."""
    import numpy as np

    from kompot_scverse import GPSettings
    from kompot_scverse._gp.model import fit_cell_states, n_queries

    x = np.asarray(adata.obsm["X_pca"], dtype=np.float32)
    blocks = range(0, adata.n_obs, BLOCK)
    if name == "search":
        import faiss

        queries = np.linspace(0, len(x) - 1, n_queries(len(x))).astype(np.intp)
        start, index = cpu_seconds(), faiss.IndexFlatL2(x.shape[1])
        index.add(x)
        index.search(x[queries], 2)
        return cpu_seconds() - start
    if name == "features":
        states, start = fit_cell_states(x[:BLOCK], GPSettings()), 0.0
        for first in blocks:
            start -= cpu_seconds()
            features = states.features(x[first : first + BLOCK])
            features.T @ features
            start += cpu_seconds()
        return start
    features, spent = np.random.default_rng(0).normal(size=(BLOCK, rank)).astype(np.float32), 0.0
    for first in blocks:
        start = cpu_seconds()
        y = adata.X[first : first + BLOCK]
        if name == "product":
            start = cpu_seconds()
            y.T @ features[: y.shape[0]]
        spent += cpu_seconds() - start
    return spent


def cpu_seconds() -> float:
    """Of all threads so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_gigabytes() -> float:
    """Largest memory of the process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # the figure of `getrusage` is at least that of the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


if __name__ == "__main__":
    main()
