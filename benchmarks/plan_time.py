"""Time that `kp.pp.plan` predicts against what calls take, in CPU seconds by stage.

    python benchmarks/plan_time.py [--grid 2000x500 10000x2000 ...] [--json FILE]

CPU seconds are of all threads, so other work on the machine hardly counts. One call on little data comes first, for what is
compiled and loaded once; the plan names that apart.
"""

import argparse
import json
import time
import warnings
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData

import kompot_scverse as kp
from kompot_scverse._plan import plan_tasks

GRID = ["2000x500", "2000x5000", "10000x2000", "10000x10000", "10000x2000x2", "40000x2000"]
CALLS = {
    "de": {"tool": "de"},
    "de_samples": {"tool": "de", "sample_key": "sample"},
    "da": {"tool": "da"},
    "da_samples": {"tool": "da", "sample_key": "sample"},
    "density": {"tool": "da", "method": "density"},
}
SPENT: dict[str, float] = {}


def main() -> None:
    """Simulate, plan, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", nargs="+", default=GRID, help="Cells x genes, or cells x genes x ls_factor.")
    parser.add_argument("--only", nargs="+", choices=CALLS, default=list(CALLS))
    parser.add_argument("--json", type=Path, help="Write sizes and times here.")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    listen()
    for call in CALLS.values():
        run(simulate(400, 50), call)
    rows = []
    for point in arguments.grid:
        n_obs, n_vars, *factor = (int(number) for number in point.split("x"))
        data, gp = simulate(n_obs, n_vars), {"gp": kp.GPSettings(ls_factor=factor[0])} if factor else {}
        for name in arguments.only:
            plan, sizes = planned(data, CALLS[name] | gp)
            seconds = run(data.copy(), CALLS[name] | gp)
            rows.append(
                {"call": name, "cells": n_obs, "genes": n_vars, "sizes": sizes, "cpu": seconds, "stages": dict(SPENT)}
            )
            rows[-1]["predicted"] = getattr(plan, "core_seconds", None)
            print(json.dumps({key: value for key, value in rows[-1].items() if key != "sizes"}), flush=True)
            if arguments.json:
                arguments.json.write_text(json.dumps(rows))


def simulate(n_obs: int, n_vars: int) -> AnnData:
    """Log-normalised expression, 10 % non-zero, in 12 populations of two conditions with six samples each."""
    rng = np.random.default_rng(0)
    centers = rng.normal(scale=2.0, size=(12, 20)) * np.geomspace(1, 0.1, 20)
    population = rng.integers(12, size=n_obs)
    # some populations are more frequent in one condition: without a change, abundance is done after a few steps
    condition = (rng.random(n_obs) < np.where(population < 4, 0.7, 0.45)).astype(int)
    sample = condition * 6 + rng.integers(6, size=n_obs)
    y = sp.random(n_obs, n_vars, density=0.1, format="csr", dtype=np.float32, rng=rng)
    y.data = np.log1p(rng.poisson(1.0, y.nnz) + 1.0).astype(np.float32)
    obs = pd.DataFrame({"condition": np.array(["a", "b"])[condition], "sample": [f"s{number}" for number in sample]})
    obs.index = obs.index.astype(str)
    x = centers[population] + rng.normal(scale=0.3, size=(n_obs, 20))
    return AnnData(y, obs=obs.astype("category"), obsm={"X_pca": x})


def planned(data: AnnData, call: dict) -> tuple[object, dict]:
    """The plan, and the sizes it is made of."""
    seen = []
    original = plan_tasks._sizes
    plan_tasks._sizes = lambda *given: seen.append(original(*given)) or seen[-1]
    try:
        arguments = {key: value for key, value in call.items() if key != "tool"}
        plan = kp.pp.plan(data, call["tool"], "condition", reference="a", **arguments)
    finally:
        plan_tasks._sizes = original
    return plan, asdict(seen[0])


def run(data: AnnData, call: dict) -> float:
    """CPU seconds."""
    SPENT.clear()
    arguments = {key: value for key, value in call.items() if key != "tool"}
    start = time.process_time()
    getattr(kp.tl, call["tool"])(data, "condition", reference="a", **arguments)
    return time.process_time() - start


def listen() -> None:
    """Note what the stages of a call take."""

    def timed(name, function):
        def inner(*given, **named):
            start = time.process_time()
            try:
                return function(*given, **named)
            finally:
                SPENT[name] = SPENT.get(name, 0.0) + time.process_time() - start

        return inner

    steps = import_module("kompot_scverse.tl._steps")
    steps.fit_states = timed("basis", steps.fit_states)
    for name, tool in (("de", "DE"), ("da", "DA")):
        module = import_module(f"kompot_scverse.tl.{name}")
        own = getattr(module, tool)
        setattr(module, tool, replace(own, fit=timed("fit", own.fit), results=timed("results", own.results)))
    for name in ("kompot_scverse.tl._de_model", "kompot_scverse.tl._sample_sums"):
        module = import_module(name)
        module.collect_moments = timed("moments", module.collect_moments)


if __name__ == "__main__":
    main()
