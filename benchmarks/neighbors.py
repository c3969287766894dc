"""Densities on approximate nearest neighbours against exact ones: CPU seconds, and the error in log densities and fold changes.

    python benchmarks/neighbors.py [--n-obs 50000] [--n-dims 30]

The cells are a mixture of 12 populations with noise, two conditions of six samples; a third of the populations differ in abundance.
Both calls are in one process, after one on few cells for what is compiled.
"""

import argparse
import time
import warnings

import anndata as ad
import numpy as np
import pandas as pd

from kompot_scverse import GPSettings, tl

POPULATIONS, SAMPLES = 12, 6
K = "kompot_da"


def main() -> None:
    """Simulate, run both, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-obs", type=int, nargs="+", default=[50_000])
    parser.add_argument("--n-dims", type=int, default=30)
    parser.add_argument("--no-samples", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    analyse(simulate(2_000, arguments.n_dims), "exact", samples=False)
    for n_obs in arguments.n_obs:
        data = simulate(n_obs, arguments.n_dims)
        found = {how: analyse(data, how, samples=not arguments.no_samples) for how in ("exact", "approximate")}
        report(n_obs, *(found[how] for how in ("exact", "approximate")))


def simulate(n_obs: int, n_dims: int) -> ad.AnnData:
    """Cells of which some populations are two or three times as frequent in one condition."""
    rng = np.random.default_rng(0)
    centers = rng.normal(scale=2.0, size=(POPULATIONS, n_dims)) * np.geomspace(1, 0.1, n_dims)
    condition = rng.integers(2, size=n_obs)
    odds = np.ones((2, POPULATIONS))
    odds[1, :4] = [3, 2, 1 / 2, 1 / 3]
    population = np.empty(n_obs, dtype=int)
    for number in range(2):
        own = condition == number
        population[own] = rng.choice(POPULATIONS, own.sum(), p=odds[number] / odds[number].sum())
    sample = condition * SAMPLES + rng.integers(SAMPLES, size=n_obs)
    obs = pd.DataFrame({"condition": np.array(["a", "b"])[condition], "sample": [f"s{number}" for number in sample]})
    obs.index = obs.index.astype(str)
    x = centers[population] + rng.normal(scale=0.3, size=(n_obs, n_dims))
    return ad.AnnData(obs=obs.astype("category"), obsm={"X_pca": x})


def analyse(data: ad.AnnData, how: str, *, samples: bool) -> dict[str, object]:
    """CPU seconds and fields of a call."""
    data = data.copy()
    start = time.process_time()
    tl.da(
        data, "condition", reference="a", use_rep="X_pca", method="density",
        sample_key="sample" if samples else None, gp=GPSettings(neighbors=how),
    )  # fmt: skip
    seconds = time.process_time() - start
    obs = data.obs
    suffix = "_sample_var" if samples else ""
    direction = obs[f"{K}_a_to_b_lfc_direction{suffix}"].astype(str).to_numpy()
    densities = np.stack([obs[f"{K}_{condition}_log_density"].to_numpy() for condition in "ab"])
    lfc = f"{K}_a_to_b_lfc"
    return {"seconds": seconds, "lfc": obs[lfc].to_numpy(), "direction": direction, "densities": densities}


def report(n_obs: int, exact: dict, approximate: dict) -> None:
    """Print what the approximation changes."""
    errors = np.abs(approximate["densities"] - exact["densities"])
    called = exact["direction"] != "neutral"
    same = (approximate["direction"] == exact["direction"])[called].mean() if called.any() else np.nan
    opposite = {"up": "down", "down": "up", "neutral": ""}
    turned = np.mean(
        [opposite[one] == other for one, other in zip(exact["direction"], approximate["direction"], strict=True)]
    )
    print(
        f"{n_obs:,} cells: exact {exact['seconds']:.1f} CPU s, approximate {approximate['seconds']:.1f}\n"
        f"  log density: mean error {errors.mean():.4f}, 99 % of the cells below {np.quantile(errors, 0.99):.4f}, largest {errors.max():.3f}\n"
        f"  log fold change: correlation {np.corrcoef(exact['lfc'], approximate['lfc'])[0, 1]:.6f}, "
        f"largest difference {np.abs(exact['lfc'] - approximate['lfc']).max():.4f}\n"
        f"  called {called.mean():.1%} of the cells, of which {same:.2%} in the same direction; opposite: {turned:.2%}",
        flush=True,
    )


if __name__ == "__main__":
    main()
