"""Modalities are analysed one after the other: the largest counts whole, of the others what stays."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from kompot_scverse._data.targets import resolve_targets
from kompot_scverse._gp import gene_blocks
from kompot_scverse._plan.plan_tasks import KEPT, PlannedTask, plan_tasks
from kompot_scverse._runs.field import Field
from kompot_scverse._stats.design import Design
from kompot_scverse.settings import GPSettings, StorageSettings

N = 400


@pytest.fixture(scope="module")
def targets():
    x = np.random.default_rng(0).normal(size=(N, 2))
    obs = pd.DataFrame(index=[str(number) for number in range(N)])
    return resolve_targets(AnnData(np.zeros((N, 3)), obs=obs, obsm={"X_pca": x}), None, None)


def task(mod: str, n_genes: int, *, samples: bool = False, n_layers: int = 0) -> PlannedTask:
    codes = np.arange(N) % 2
    sample_codes = np.arange(N) % 8 if samples else codes
    numbers = np.arange(8) % 2 if samples else np.arange(2)
    own = Design(
        "Age", ("a", "b"), codes, "donor" if samples else None, tuple(map(str, numbers)), sample_codes, numbers,
        np.arange(len(numbers)) < 5,
    )  # fmt: skip
    fields = [Field("layers", f"layer {number}", "imputed", "") for number in range(n_layers)]
    sizes = {"n_genes": n_genes, "n_all_genes": n_genes, "density": 1.0, "estimated": False}
    return PlannedTask(mod, own, fields, N, sizes)


def plan(targets, *tasks, **storage):
    gp = GPSettings.kompot(n_landmarks=50)
    return plan_tasks(targets, tasks, np.ones(N, dtype=bool), gp, StorageSettings(**storage))


def test_largest_modality_and_what_stays_of_the_other(targets):
    rna, prot = plan(targets, task("rna", 5000)), plan(targets, task("prot", 100))
    both = plan(targets, task("rna", 5000), task("prot", 100))
    kept = sum(item.n_bytes for item in prot.items if item.name in KEPT)
    assert kept > 0
    assert both.peak_memory == pytest.approx(rna.peak_memory + kept)
    assert both.peak_memory < rna.peak_memory + prot.peak_memory
    assert plan(targets, task("prot", 100), task("rna", 5000)).peak_memory == both.peak_memory


def test_layers_in_memory_and_on_disk(targets):
    one = task("", 300, n_layers=3)
    size = 3 * N * 300 * 4
    lazy, memory, disk = (plan(targets, one, layers=layers) for layers in ("lazy", "memory", "disk"))
    assert [found.disk for found in (lazy, memory, disk)] == [0, 0, size]
    assert [found.layer_bytes for found in (lazy, memory, disk)] == [size] * 3
    assert memory.to_df().set_index("array").loc["layers", "bytes"] == size
    assert any("3 layers are lazy" in note for note in lazy.notes)
    assert not any("lazy" in note for note in disk.notes)


def test_variance_between_replicates_on_disk(targets):
    found = plan(targets, task("", 300, samples=True), sample_covariance="disk")
    (note,) = (note for note in found.notes if "rank about" in note)
    assert found.disk == 4 * 300 * int(note.rpartition(" ")[2]) * 8


def test_few_replicates_are_said(targets):
    assert plan(targets, task("", 10)).warnings == [
        "no `sample_key`: significance is about cells, not about individuals"
    ]
    (warning,) = plan(targets, task("", 10, samples=True)).warnings[:1]
    assert "b has 2 replicates" in warning


def test_passes_are_said_where_there_are_several(targets, monkeypatch):
    one = task("", 300, samples=True)
    one.sizes.update(n_tested=300, n_weights=8)
    assert not any("passes" in note for note in plan(targets, one).notes)
    monkeypatch.setattr(gene_blocks, "LARGEST", 8 * 8 * 16 * 100)
    (note,) = (note for note in plan(targets, one).notes if "passes" in note)
    assert note.endswith(": 1 for the fit, 3 for the tests")
