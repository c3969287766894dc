"""Fits that tests of several steps share."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any

import pytest
from anndata import AnnData

import kompot_scverse as kp
from kompot_scverse._results.disk import DiskStore
from kompot_scverse.settings import StorageSettings
from kompot_scverse.tl._steps import Job, Results, Tool, of_modality, prepare_call, states_of
from kompot_scverse.tl._tools import TOOLS

FEW = kp.TestSettings(null_genes=50)
KOMPOT = kp.GPSettings.kompot()
KEPT = StorageSettings(sample_covariance="memory")
COMPARED = {"groupby": "Age", "reference": "Young", "groups": "Old"}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "da": ("da", COMPARED),
    "da samples": ("da", COMPARED | {"sample_key": "Replicate"}),
    "de": ("de", COMPARED | {"layer": "logged_counts", "test": FEW, "cell_groups": "celltype"}),
    "de samples": ("de", COMPARED | {"layer": "logged_counts", "sample_key": "Replicate", "cell_groups": "branch"}),
    "de kompot": (
        "de",
        COMPARED | {"layer": "logged_counts", "sample_key": "Replicate", "test": FEW, "gp": KOMPOT, "storage": KEPT},
    ),
    "smooth": ("smooth", {"groupby": "Age", "group": "Old", "layer": "logged_counts"}),
}


@dataclass(frozen=True)
class Taken:
    """A call whose steps were taken up to the results, without writing them."""

    tool: Tool
    job: Job
    fitted: Any
    results: Results


@pytest.fixture(scope="session")
def taken(simulated: AnnData) -> Callable[[str], Taken]:
    """The steps of a call of `CALLS` on the simulated data, taken once."""
    known: dict[str, Taken] = {}

    def take(name: str) -> Taken:
        if name not in known:
            tool, function = TOOLS[CALLS[name][0]]
            bound = signature(function).bind(simulated, **CALLS[name][1])
            bound.apply_defaults()
            request, prepared = prepare_call(tool, bound.arguments)
            (task,) = prepared.tasks
            states = of_modality(states_of(prepared, request), prepared.targets, task.mod)
            job = Job(task, request, states, DiskStore(StorageSettings()))
            fitted = tool.fit(job)
            known[name] = Taken(tool, job, fitted, tool.results(job, fitted))
        return known[name]

    return take


@pytest.fixture(scope="module")
def done_once(simulated: AnnData) -> AnnData:
    adata = simulated.copy()
    arguments = COMPARED | {"layer": "logged_counts", "test": FEW}
    kp.tl.de(adata, **arguments, key_added="a")
    kp.tl.de(adata, **arguments, key_added="b", sample_key="Replicate", gp=KOMPOT, storage=KEPT)
    return adata


@pytest.fixture
def done(done_once: AnnData) -> AnnData:
    """Run 0 without and run 1 with samples, by the model of Kompot, under different names."""
    return done_once.copy()
