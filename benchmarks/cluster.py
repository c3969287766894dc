"""Differential expression and abundance on workers that read a file themselves: seconds, processor time and memory of each.

    python benchmarks/cluster.py [--n-obs 100000] [--n-vars 2000] [--workers 1 2] [--kind zarr] [--folder FOLDER]

The data are those of `scaling.py`, with replicates. Workers have one thread each. Seconds mean little on a machine that does
other things, so the processor seconds of the busiest worker and of the client are what to compare: the analysis cannot take
less than their sum.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from scaling import cpu_seconds, largest, peak_gigabytes, watch_stages, write_file

COLUMNS = (
    "analysis",
    "cells",
    "genes",
    "workers",
    "seconds",
    "busiest worker CPU s",
    "client CPU s",
    "worker peak GB",
    "client peak GB",
    "what takes most of the client, CPU s",
)


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-obs", type=int, nargs="+", default=[100_000])
    parser.add_argument("--n-vars", type=int, default=2_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--kind", choices=["h5ad", "zarr"], default="zarr")
    parser.add_argument("--only", nargs="+", choices=["de", "da"], default=["de", "da"])
    parser.add_argument("--folder", type=Path, help="Keep the simulated files here, or use those that are there.")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        analysis, path, workers = arguments.child
        print(json.dumps(measure(analysis, Path(path), int(workers))))
        return
    print(f"| {' | '.join(COLUMNS)} |\n| --- |{' --: |' * (len(COLUMNS) - 1)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for n_obs in arguments.n_obs:
            path = (arguments.folder or Path(folder)) / f"cells_{n_obs}_{arguments.n_vars}.{arguments.kind}"
            if not path.exists():
                write_file(path, n_obs, arguments.n_vars)
            for analysis in arguments.only:
                for workers in arguments.workers:
                    command = [sys.executable, __file__, "--child", analysis, str(path), str(workers)]
                    done = subprocess.run(command, capture_output=True, text=True, check=False)
                    if done.returncode:
                        print(f"{analysis} with {workers} workers failed:\n{done.stderr[-3000:]}", file=sys.stderr)
                        continue
                    row = json.loads(done.stdout.splitlines()[-1])
                    print(
                        f"| {analysis.upper()} | {n_obs:,} | {arguments.n_vars:,} | {workers} | {row['seconds']:.0f} "
                        f"| {row['worker']:.1f} | {row['client']:.1f} | {row['worker_peak']:.2f} | {row['client_peak']:.2f} "
                        f"| {largest(row['stages'])} |",
                        flush=True,
                    )


def measure(analysis: str, path: Path, n_workers: int) -> dict[str, Any]:
    """Start workers, let them import the package, then measure."""
    warnings.simplefilter("ignore")
    from distributed import Client, LocalCluster

    from kompot_scverse import StorageSettings, tl
    from kompot_scverse._gp.mellon import load_mellon

    load_mellon()
    adata, stages = opened(path), watch_stages()
    with (
        LocalCluster(n_workers=n_workers, threads_per_worker=1, memory_limit="3GB", dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        client.run(load_mellon)
        before, start, own = client.run(used), time.perf_counter(), cpu_seconds()
        if analysis == "de":
            storage = StorageSettings(layers=None, basis=None)
            tl.de(adata, "condition", reference="a", sample_key="sample", use_rep="X_pca", storage=storage)
        else:
            tl.da(adata, "condition", reference="a", sample_key="sample", use_rep="X_pca")
        seconds, client_seconds, after = time.perf_counter() - start, cpu_seconds() - own, client.run(used)
    return {
        "seconds": seconds,
        "client": client_seconds,
        "stages": stages,
        "client_peak": peak_gigabytes(),
        # a worker that was lost has begun again
        "worker": max(cpu - before.get(name, (0.0, 0.0))[0] for name, (cpu, _) in after.items()),
        "worker_peak": max(peak for _, peak in after.values()),
    }


def opened(path: Path) -> Any:
    """The data, expression left in the file."""
    import anndata as ad

    if path.suffix == ".h5ad":
        return ad.read_h5ad(path, backed="r")
    import zarr

    store = zarr.open(path, mode="r")
    obs, var, obsm = (ad.io.read_elem(store[name]) for name in ("obs", "var", "obsm"))
    return ad.AnnData(ad.io.sparse_dataset(store["X"]), obs=obs, var=var, obsm=obsm)


def used() -> tuple[float, float]:
    """Processor seconds and largest memory (GB) of a worker so far."""
    return cpu_seconds(), peak_gigabytes()


if __name__ == "__main__":
    # one thread for the linear algebra of every process, as of a worker
    os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | os.environ)
    main()
