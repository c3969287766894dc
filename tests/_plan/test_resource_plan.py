"""What a plan says of its costs."""

import numpy as np
import pytest
from anndata import AnnData
from made_up import add_run

from kompot_scverse._plan import resource_plan as module
from kompot_scverse._plan.cost import STAGES, Item
from kompot_scverse._plan.resource_plan import Cost, make_plan
from kompot_scverse._runs.field import Field

FIRST, *_, LAST = STAGES
SECONDS = dict.fromkeys(STAGES, 0.5) | {"reading": 8.0}
ITEMS = [
    Item("basis", "5 × 2", 2e6, STAGES),
    Item("layers", "5 × 5", 5e6, (LAST,)),
    Item("row blocks", "", 4e6, (FIRST,)),
]


def plan(monkeypatch: pytest.MonkeyPatch, available: float, warnings: list[str] | None = None, items=ITEMS, data=None):
    monkeypatch.setattr(module, "available_memory", lambda: available)
    fields = [Field("var", "k_mean_lfc", "mean_lfc", ""), Field("var", "k_other", "other", "", mod="")]
    data = AnnData(np.zeros((4, 3))) if data is None else data
    return make_plan(data, fields, Cost(items, SECONDS, 8.0, 0.0, 0.0), ["rank about 2"], warnings or [])


def test_the_peak_is_the_largest_stage(monkeypatch) -> None:
    assert plan(monkeypatch, 1e9).peak_memory == 7e6


@pytest.mark.parametrize(
    ("available", "warnings", "status"),
    [
        (1e9, [], "feasible"),
        (1e9, ["few samples"], "feasible with warnings"),
        (8e6, [], "feasible with warnings"),
        (6e6, [], "not feasible"),
    ],
)
def test_the_status_follows_memory_and_warnings(monkeypatch, available, warnings, status) -> None:
    found = plan(monkeypatch, available, warnings)
    assert found.status == status
    assert status in repr(found)
    assert bool(found.advice) == (status == "not feasible")


@pytest.mark.parametrize(("name", "hint"), [("layers", "layers='lazy'"), ("null genes", "null_genes"), ("x", "genes=")])
def test_advice_is_about_the_largest_array(monkeypatch, name, hint) -> None:
    found = plan(monkeypatch, 1e6, items=[*ITEMS, Item(name, "", 3e9, STAGES)])
    assert hint in found.advice
    assert "3 GB" in found.advice


def test_fields_that_are_there_are_overwritten(monkeypatch) -> None:
    data = AnnData(np.zeros((4, 3)))
    add_run(data, var={"mean_lfc": np.zeros(3)})
    data.var["k_other"] = 1.0
    assert plan(monkeypatch, 1e9, data=data).fields == [
        ("var", "k_mean_lfc", "OVERWRITES run 0"),
        ("var", "k_other", "OVERWRITES"),
    ]


def test_tables_have_a_row_for_each_array(monkeypatch) -> None:
    found = plan(monkeypatch, 1e9)
    assert found.to_df()[["array", "bytes"]].to_numpy().tolist() == [
        ["basis", 2_000_000], ["layers", 5_000_000], ["row blocks", 4_000_000],
    ]  # fmt: skip
    text = repr(found)
    # the largest first
    assert text.index("layers 5 × 5") < text.index("row blocks") < text.index("basis 5 × 2")
    assert "throughout" in found._repr_html_()


def test_time_is_that_of_all_stages(monkeypatch) -> None:
    found = plan(monkeypatch, 1e9)
    assert found.time == pytest.approx(10.0)
    assert 'about 10 s on this machine if it is idle (8 s of all cores), 80% of it in the stage "reading"' in repr(
        found
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "a second"),
        (2.44, "2.4 s"),
        (90, "90 s"),
        (300, "5 min"),
        (6000, "100 min"),
        (9000, "2.5 h"),
        (1e5, "28 h"),
    ],
)
def test_durations_are_rough(seconds, text) -> None:
    assert module._duration(seconds) == text
