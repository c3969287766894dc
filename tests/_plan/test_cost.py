"""Predicted memory: sizes add up, and the peak of a call is near what it takes."""

import os
import resource
import subprocess
import sys
from dataclasses import replace

import pytest

from kompot_scverse._plan.cost import STAGES, Sizes, available_memory, memory_items

SIZES = Sizes(
    n_obs=10_000, n_cells=8_000, n_dims=20, n_conditions=2, n_samples=6, rank=100, replicates=True, n_genes=2_000,
    n_all_genes=2_000, n_tested=2_000, n_null=0, density=0.1, n_weights=30, n_layers=0, estimated=True,
)  # fmt: skip
MEASURE = """
import sys, warnings
import numpy as np, anndata
warnings.simplefilter("ignore")
import kompot_scverse as kp
from kompot_scverse._gp.mellon import load_mellon
load_mellon()
def kilobytes(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))
n, genes = int(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
adata = anndata.AnnData(rng.random((n, genes), dtype=np.float32), obsm={"X_pca": rng.normal(size=(n, 3))})
adata.obs["condition"] = rng.choice(["a", "b"], n)
arguments = {"groupby": "condition", "reference": "a", "storage": kp.StorageSettings(layers="memory")}
# on little data first: what is compiled and loaded stays
small = adata[:200, :20].copy()
kp.tl.de(small, **arguments)
arguments["gp"] = kp.GPSettings(n_landmarks=100)
plan = kp.pp.plan(adata, "de", **arguments)
# the kernel's own peak from here on, of which a busy machine misses nothing
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = kilobytes("VmRSS")
kp.tl.de(adata, **arguments)
print(plan.peak_memory, 1024 * (kilobytes("VmHWM") - before))
"""


def peak(sizes: Sizes) -> float:
    items = memory_items(sizes)
    return max(sum(item.n_bytes for item in items if stage in item.stages) for stage in STAGES)


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="the kernel does not count from a given moment"
)
def test_prediction_is_near_the_measured_peak():
    command = [sys.executable, "-c", MEASURE, "5000", "1500"]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ.copy())
    predicted, measured = map(float, found.stdout.split())
    assert measured > 5000 * 1500 * 4 * 5, "the layers alone"
    assert 0.8 < predicted / measured < 1.6


@pytest.mark.parametrize(
    "change",
    [
        {"n_obs": 100_000, "n_cells": 80_000}, {"rank": 400}, {"n_genes": 8_000, "n_all_genes": 8_000},
        {"n_null": 2_000}, {"n_layers": 7}, {"n_samples": 30}, {"n_weights": 200}, {"density": 1.0},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_more_of_anything_costs_more(change):
    assert peak(replace(SIZES, **change)) > peak(SIZES)


def test_layers_cost_four_bytes_a_value():
    items = {item.name: item for item in memory_items(replace(SIZES, n_layers=7))}
    assert items["layers"].n_bytes == 7 * 10_000 * 2_000 * 4


def test_abundance_holds_no_genes():
    sizes = replace(SIZES, n_genes=0, n_all_genes=0, n_tested=0, n_rough=200, density=0.0)
    names = {item.name for item in memory_items(sizes)}
    assert "smooth and rough features" in names
    assert not names & {"weights", "sums per sample", "row blocks", "stored weights"}
    assert "densities" in {item.name for item in memory_items(replace(sizes, n_rough=0))}


def test_available_memory_is_at_most_that_of_the_machine():
    pages, page = os.sysconf("SC_PHYS_PAGES"), resource.getpagesize()
    assert 0 < available_memory() <= pages * page


def test_sums_of_very_many_genes_are_bounded_by_passes() -> None:
    for in_file in (False, True):
        many = replace(SIZES, n_samples=60, rank=300, n_weights=64, n_genes=80_000, n_tested=80_000, in_file=in_file)
        items = {item.name: item.n_bytes for item in memory_items(many)}
        assert max(items["sums per sample"], items["partial sums"]) < 2.2e9 < 60 * 300 * 80_000 * 8
        fit, tests = (len(blocks) for blocks in many.passes)
        assert fit > tests > 1
