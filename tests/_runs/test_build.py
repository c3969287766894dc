"""Runs list what belongs to their contrast, and how many cells it has."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from kompot_scverse._data.targets import resolve_targets
from kompot_scverse._runs.build import MAX_LEFT_OUT, RunContent, build_runs
from kompot_scverse._runs.field import Field
from kompot_scverse._stats.design import Design

CALL = {"function": "de", "arguments": {"groupby": "Age"}}
FIELDS = [
    Field("obsm", "K_basis", "basis", "features", value=np.ones((6, 2))),
    Field("varm", "K_Old_weights", "group_weights", "weights", condition="Old", value=np.ones((3, 2))),
    Field("varm", "K_Mid_weights", "group_weights", "weights", condition="Mid", value=np.ones((3, 2))),
    Field("var", "K_Young_to_Old_mean_lfc", "mean_lfc", "mean", group="Old", value=np.ones(3)),
]


@pytest.fixture
def targets():
    adata = AnnData(np.zeros((6, 3)), obs=pd.DataFrame(index=list("abcdef")), obsm={"X_pca": np.zeros((6, 2))})
    return resolve_targets(adata, None, None)


def design(conditions, codes, **samples) -> Design:
    names = tuple(map(str, conditions))
    given = {"sample_key": None, "samples": names, "sample_codes": codes} | samples
    numbers = given.pop("sample_conditions", np.arange(len(names)))
    usable = given.pop("usable", np.ones(len(numbers), dtype=bool))
    return Design("Age", tuple(conditions), codes, sample_conditions=numbers, usable=usable, **given)


def content(n: int) -> RunContent:
    return RunContent({"ls": 1.0}, [{"n_genes": number} for number in range(n)], [{}] * n)


def test_one_run_for_each_contrast(targets):
    own = design(("Young", "Old", "Mid"), np.array([0, 0, 1, 1, 1, 2]))
    runs = build_runs(targets, "", own, FIELDS, content(2), key_added="K", call=CALL)
    assert [run.contrast["group"] for run in runs] == ["Old", "Mid"]
    assert [run.run_id for run in runs] == [0, 1]
    assert [run.summary["n_genes"] for run in runs] == [0, 1]
    assert [run.cells["conditions"] for run in runs] == [{"Young": 2, "Old": 3}, {"Young": 2, "Mid": 1}]
    listed = [{entry["key"] for entry in run.fields} for run in runs]
    assert listed == [
        {"K_basis", "K_Old_weights", "K_Young_to_Old_mean_lfc"},
        {"K_basis", "K_Mid_weights"},
    ]
    assert {run.call["first_run"] for run in runs} == {0}
    assert "first_run" not in CALL


def test_one_condition_is_not_compared(targets):
    own = design(("Old",), np.array([0, 0, 0, -1, -1, -1]))
    (run,) = build_runs(targets, "", own, FIELDS[:2], content(1), key_added="K", call=CALL | {"function": "smooth"})
    assert run.analysis == "smooth"
    assert run.contrast == {"groupby": "Age", "condition": "Old"}
    assert run.cells == {"conditions": {"Old": 3}}


def test_samples_are_listed_as_far_as_there_is_room(targets):
    n = 400
    names = tuple(f"a long name of a donor with the number {number}" for number in range(n))
    codes = np.array([0, 0, 0, 1, 1, 1])
    own = design(
        ("Young", "Old"), codes, sample_key="donor", samples=names, sample_codes=np.array([0, 0, 1, n - 1, n - 1, 2]),
        sample_conditions=np.repeat([0, 1], n // 2), usable=np.arange(n) % 2 == 0,
    )  # fmt: skip
    (run,) = build_runs(targets, "", own, FIELDS, content(1), key_added="K", call=CALL)
    listed = run.cells["samples"]
    assert listed["Young"][names[0]] == 2
    left = sum(run.cells.get(f"samples_of_{name}_not_listed", 0) for name in ("Young", "Old"))
    assert left > 0
    assert sum(map(len, listed.values())) + left == n
    assert len(run.cells["left_out"]) == MAX_LEFT_OUT
    assert run.cells["more_left_out"] == n // 2 - MAX_LEFT_OUT
    assert len(run.to_json()) < 15_000
