"""Seconds, cells per second and peak memory on a backed file that is larger than what is held of it.

    uv run python benchmarks/backed.py [--n-obs 200000] [--n-vars 2000] [--data FILE.h5ad]

Simulates a csr file in blocks (10 % non-zero, two conditions of three samples), opens it with `backed="r"`, and runs each
analysis in a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

BLOCK = 10_000
DENSITY = 0.1
ANALYSES = {
    "de": "DE, 2,000 null genes",
    "de_samples": "DE, replicate variance",
    "da": "DA",
    "da_samples": "DA, replicate variance",
}


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-obs", type=int, default=200_000)
    parser.add_argument("--n-vars", type=int, default=2_000)
    parser.add_argument("--only", nargs="+", choices=ANALYSES, default=list(ANALYSES))
    parser.add_argument("--data", type=Path, help="Keep the simulated file here, or use what is there.")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(*arguments.child)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.data or Path(folder) / "data.h5ad"
        if not path.exists():
            write_file(path, arguments.n_obs, arguments.n_vars)
        print(f"{path.stat().st_size / 1e9:.2f} GB on disk")
        print("| analysis | seconds | CPU seconds | cells per second | peak GB | (file open) |")
        print("| --- | --: | --: | --: | --: | --: |")
        for analysis in arguments.only:
            command = [sys.executable, __file__, "--child", analysis, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{analysis} failed:\n{done.stderr[-3000:]}", file=sys.stderr)
                continue
            row = json.loads(done.stdout.splitlines()[-1])
            print(
                f"| {ANALYSES[analysis]} | {row['seconds']:.1f} | {row['cpu']:.0f} | {row['n_obs'] / row['seconds']:,.0f} "
                f"| {row['peak']:.2f} | {row['baseline']:.2f} |",
                flush=True,
            )


def write_file(path: Path, n_obs: int, n_vars: int) -> None:
    """A csr file of log-normalised expression that depends on the cell state, written block by block."""
    import anndata as ad
    import h5py
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from anndata.io import sparse_dataset

    rng = np.random.default_rng(0)
    latent = rng.normal(size=(n_obs, 3))
    # 20 components: a curved manifold and, as in any real representation, noise around it
    representation = np.concatenate([latent, 0.2 * np.sin(latent @ rng.normal(size=(3, 17)))], axis=1)
    representation += rng.normal(scale=0.1, size=representation.shape)
    condition = rng.integers(2, size=n_obs)
    obs = pd.DataFrame(
        {
            "condition": pd.Categorical.from_codes(condition, ["a", "b"]),
            "sample": pd.Categorical.from_codes(condition * 3 + rng.integers(3, size=n_obs), list("123456")),
        },
        index=[f"cell{i}" for i in range(n_obs)],
    )
    var = pd.DataFrame(index=[f"gene{i}" for i in range(n_vars)])
    loadings = rng.normal(scale=0.4, size=(3, n_vars))
    changed = np.where(rng.random(n_vars) < 0.05, 0.5, 0.0)

    def block(start: int) -> sp.csr_matrix:
        rows = slice(start, min(start + BLOCK, n_obs))
        size = rows.stop - rows.start
        values = sp.random(size, n_vars, density=DENSITY, format="csr", dtype=np.float32, random_state=rng)
        entries = np.repeat(np.arange(size), np.diff(values.indptr)) + start
        mean = (
            np.einsum("ik,ki->i", latent[entries], loadings[:, values.indices])
            + condition[entries] * changed[values.indices]
        )
        values.data = np.log1p(rng.poisson(np.exp(mean)) + 1.0).astype(np.float32)
        return values

    start = time.perf_counter()
    path.parent.mkdir(parents=True, exist_ok=True)
    adata = ad.AnnData(block(0), obs=obs.iloc[:BLOCK], var=var)
    # obs and obsm of all cells: the matrix grows to their length
    with h5py.File(path, "w") as file:
        ad.io.write_elem(file, "/", ad.AnnData(obs=obs, var=var, obsm={"X_pca": representation}))
        if "X" in file:
            del file["X"]
        ad.io.write_elem(file, "X", adata.X)
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

    from kompot_scverse import tl
    from kompot_scverse._gp.mellon import load_mellon

    load_mellon()
    adata = ad.read_h5ad(path, backed="r")
    tool = tl.de if analysis.startswith("de") else tl.da
    baseline, start = peak_gigabytes(), time.perf_counter()
    tool(adata, "condition", reference="a", sample_key="sample" if analysis.endswith("samples") else None)
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "n_obs": adata.n_obs,
        "seconds": seconds,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": peak_gigabytes(),
        "baseline": baseline,
    }


def peak_gigabytes() -> float:
    """Largest memory of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9


if __name__ == "__main__":
    main()
