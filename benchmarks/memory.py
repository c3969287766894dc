"""Predicted against measured peak memory of `kp.tl.de`, over a grid of sizes.

Each point runs in a process of its own: `python benchmarks/memory.py [--quick]`.
"""

import argparse
import json
import resource
import subprocess
import sys
import threading
import time
import warnings

GRID = [
    (2_000, 500), (2_000, 5_000), (2_000, 20_000), (10_000, 500), (10_000, 5_000), (10_000, 20_000),
    (50_000, 500), (50_000, 5_000), (50_000, 20_000),
]  # fmt: skip


def one(n_obs: int, n_vars: int, replicates: bool, layers: str) -> None:
    """Run one point and print its figures as JSON."""
    warnings.simplefilter("ignore")
    import dask.array  # noqa: F401
    import numpy as np
    import scipy.sparse as sp
    import sklearn.neighbors  # noqa: F401
    from anndata import AnnData

    import kompot_scverse as kp
    from kompot_scverse._gp.mellon import load_mellon

    load_mellon()
    rng = np.random.default_rng(0)
    x = sp.random(n_obs, n_vars, density=0.1, format="csr", dtype=np.float32, random_state=0)
    adata = AnnData(x)
    latent = rng.normal(size=(n_obs, 3))
    adata.obsm["X_pca"] = np.concatenate([latent, 0.2 * np.sin(latent @ rng.normal(size=(3, 17)))], axis=1)
    adata.obs["condition"] = rng.choice(["a", "b"], n_obs)
    adata.obs["sample"] = rng.choice(["1", "2", "3"], n_obs)
    arguments = {
        "reference": "a",
        "sample_key": "sample" if replicates else None,
        "storage": kp.StorageSettings(layers=layers),
    }
    start = time.perf_counter()
    plan = kp.pp.plan(adata, "de", "condition", **arguments)
    planning = time.perf_counter() - start
    before, peak, done = _rss(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], _rss())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    kp.tl.de(adata, "condition", **arguments)
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    rank = adata.obsm["kompot_de_basis"].shape[1]
    measured = peak[0] - before
    print(
        json.dumps(
            {"predicted": plan.peak_memory, "measured": measured, "rank": rank, "seconds": seconds, "plan": planning}
        )
    )


def _rss() -> float:
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only the smaller sizes")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        n_obs, n_vars, replicates, layers = options.one
        one(int(n_obs), int(n_vars), replicates == "1", layers)
        return
    print(
        f"{'cells':>7} {'genes':>7} {'samples':>8} {'layers':>7} {'rank':>5} {'predicted':>10} {'measured':>9} {'ratio':>6} {'s':>6}"
    )
    for n_obs, n_vars in GRID[:6] if options.quick else GRID:
        for replicates in (False, True):
            for layers in ("lazy", "memory"):
                if layers == "memory" and n_obs * n_vars > 2.5e8:
                    continue
                command = [sys.executable, __file__, "--one", str(n_obs), str(n_vars), str(int(replicates)), layers]
                result = subprocess.run(command, capture_output=True, text=True, check=True)
                row = json.loads(result.stdout.splitlines()[-1])
                print(
                    f"{n_obs:>7,} {n_vars:>7,} {'yes' if replicates else 'no':>8} {layers:>7} {row['rank']:>5} "
                    f"{row['predicted'] / 1e6:>8.0f}MB {row['measured'] / 1e6:>7.0f}MB "
                    f"{row['predicted'] / row['measured']:>6.2f} {row['seconds']:>6.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
