"""Differential expression and abundance on a GPU beside the processor of the same machine.

    python benchmarks/gpu.py [--sizes 8090x16285 200000x2000 1000000x2000] [--folder FOLDER]

Simulates the files of `scaling.py`, opens them with `backed="r"` and runs each analysis in two processes of its own: one in which jax
finds its GPU, and one with `JAX_PLATFORMS=cpu`. In each it runs twice; the first run also compiles. Seconds are those of the wall clock. Differences
are those of distances, fold changes, variance components and log ratios relative to the largest of them: of 99 % of genes or cells, and of all. A gene of which
two sets of variance components are as likely may have either in single precision, whatever computes it.

Without a GPU it says so and measures nothing. `--processor` puts jax's processor in the place of a GPU: this shows that the path works and what results
differ by, and nothing about speed.
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

sys.path.insert(0, str(Path(__file__).parent))

ANALYSES = {"de": "DE", "de_samples": "DE with replicates", "da": "DA", "da_samples": "DA with replicates"}
COMPARED = "^run_.*(mahalanobis|mean_lfc|_sd|log_ratio|log_ratio_zscore)(_sample_var)?$"
"""Columns of results that are compared."""
SIZES = ["8090x16285", "200000x2000", "1000000x2000"]


def main() -> None:
    """Simulate, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="Cells and genes.")
    parser.add_argument("--only", nargs="+", choices=ANALYSES, default=list(ANALYSES))
    parser.add_argument("--folder", type=Path, help="Keep the simulated files here, or use those that are there.")
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        measure(*arguments.child)
        return
    name = "jax on the processor" if arguments.processor else found_name()
    if not name:
        print(
            "jax has no GPU here, so that there is nothing to measure (`pip install jax[cuda12]` on a machine with one)."
        )
        return
    from scaling import write_file

    print(f"Device: {name}\n")
    print("| analysis | cells | genes | processor, s | device, s | with compilation | differences |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    with tempfile.TemporaryDirectory() as scratch:
        for n_obs, n_vars in (map(int, size.split("x")) for size in arguments.sizes):
            path = (arguments.folder or Path(scratch)) / f"cells_{n_obs}_{n_vars}.h5ad"
            if not path.exists():
                write_file(path, n_obs, n_vars)
            for analysis in arguments.only:
                here = run("cpu", analysis, path, scratch)
                there = run("processor" if arguments.processor else "gpu", analysis, path, scratch)
                print(
                    f"| {ANALYSES[analysis]} | {n_obs:,} | {n_vars:,} | {here['again']:.1f} | {there['again']:.1f} | {there['first']:.1f} "
                    f"| {differences(here['values'], there['values'])} |",
                    flush=True,
                )


def found_name() -> str:
    """What jax calls its GPU; empty without one."""
    from kompot_scverse._gp.device import accelerator

    device = accelerator()
    return "" if device is None else device.device_kind


def run(device: str, analysis: str, path: Path, scratch: str) -> dict:
    """One analysis in a process of its own."""
    values = Path(scratch) / f"{device}.npz"
    command = [sys.executable, __file__, "--child", device, analysis, str(path), str(values)]
    environment = os.environ | ({"JAX_PLATFORMS": "cpu"} if device != "gpu" else {})
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{analysis} of {path.name} on {device} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1]) | {"values": values}


def measure(device: str, analysis: str, path: str, values: str) -> None:
    """Run an analysis twice in this process; print the seconds and keep the results."""
    import anndata as ad
    import numpy as np

    import kompot_scverse as kp
    from kompot_scverse._gp import device as module

    if device == "processor":
        import jax

        module._found = lambda: jax.devices()[0]
    warnings.simplefilter("ignore")
    function = kp.tl.de if analysis.startswith("de") else kp.tl.da
    options: dict = {"use_rep": "X_pca", "reference": "a", "key_added": "run"}
    if analysis.endswith("samples"):
        options["sample_key"] = "sample"
    if function is kp.tl.de:
        options["storage"] = kp.StorageSettings(layers=None)
    seconds = []
    for _ in range(2):
        adata = ad.read_h5ad(path, backed="r")
        start = time.perf_counter()
        function(adata, "condition", **options)
        seconds.append(time.perf_counter() - start)
        table = adata.var if function is kp.tl.de else adata.obs
        columns = table.filter(regex=COMPARED)
        adata.file.close()
    np.savez(values, **{name: columns[name].to_numpy(float) for name in columns})
    print(json.dumps({"first": seconds[0], "again": seconds[1]}))


def differences(here: Path, there: Path) -> str:
    """The largest of all results, and that of 99 % of the genes or cells, relative to the largest value."""
    import numpy as np

    first, second = np.load(here), np.load(there)
    parts = [np.abs(first[name] - second[name]) / max(np.nanmax(np.abs(first[name])), 1e-300) for name in first.files]
    return f"{max(np.nanquantile(part, 0.99) for part in parts):.0e}, {max(np.nanmax(part) for part in parts):.0e}"


if __name__ == "__main__":
    main()
